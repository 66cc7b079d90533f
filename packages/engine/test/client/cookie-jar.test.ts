/** Cookies, with tough-cookie as the jar and with jars that misbehave. */
import { describe, expect, it } from "vitest";
import { CookieJar } from "tough-cookie";
import { failOnCrash, failure, open, refusal } from "./dialing.ts";
import { acceptKey } from "../../src/opening-handshake/accept-key.ts";
import { answerWith, keyOf, startEcho, startRaw, switching } from "./servers.ts";

failOnCrash();

describe("a jar (gorilla TestDialCookieJar)", () => {
  it("gives cookies of the http: form of the URL, and takes those of the 101", async () => {
    const jar = new CookieJar();
    let request = "";
    const server = await startRaw(async (peer) => {
      request = (await peer.readUntil("\r\n\r\n")).toString("latin1");
      const fields = "Set-Cookie: gorilla=ws; Path=/\r\nset-cookie: b=2\r\n";
      peer.send(switching(fields).replace("{accept}", acceptKey(keyOf(request))));
    });
    const home = server.url.replace("ws:", "http:");
    await jar.setCookie("sent=1; Path=/a", home);
    await jar.setCookie("elsewhere=1", "http://a.example/");
    const { response } = await open(`${server.url}a`, { jar });
    expect(request).toContain("\r\nCookie: sent=1\r\n");
    expect(response.headers["set-cookie"]).toEqual(["gorilla=ws; Path=/", "b=2"]);
    expect(await jar.getCookieString(home)).toBe("gorilla=ws; b=2");
  });

  it("adds to the caller's own cookies: there is one Cookie header", async () => {
    const jar = new CookieJar();
    const server = await startEcho();
    await jar.setCookie("jar=1", server.url.replace("ws:", "http:"));
    await open(server.url, {
      jar,
      headers: [
        ["cookie", "own=1"],
        ["Cookie", "more=2"],
      ],
    });
    const { rawHeaders } = await server.requests.next();
    expect(rawHeaders.filter((name) => name.toLowerCase() === "cookie")).toEqual(["Cookie"]);
    expect(rawHeaders).toContain("own=1; more=2; jar=1");
  });

  it("that is empty adds nothing", async () => {
    const server = await startEcho();
    await open(server.url, { jar: new CookieJar() });
    expect((await server.requests.next()).headers).not.toHaveProperty("cookie");
  });

  it("takes cookies of a refusal, too", async () => {
    const jar = new CookieJar();
    const server = await startRaw(
      answerWith("HTTP/1.1 401 No\r\nSet-Cookie: login=1\r\nContent-Length: 0\r\n\r\n"),
    );
    await refusal(server.url, { jar });
    expect(await jar.getCookieString(server.url.replace("ws:", "http:"))).toBe("login=1");
  });

  it("is not troubled by cookies that it can't take", async () => {
    const jar = new CookieJar();
    const fields =
      "Set-Cookie: a=1; Domain=other.example\r\nSet-Cookie: =\r\nSet-Cookie: \r\nSet-Cookie: ok=1\r\n";
    const server = await startRaw(answerWith(switching(fields)));
    await open(server.url, { jar });
    expect(await jar.getCookieString(server.url.replace("ws:", "http:"))).toContain("ok=1");
  });

  it("that throws fails the dial with just that, and no socket is left", async () => {
    const thrown = new Error("by the jar");
    const throwing = (): never => {
      throw thrown;
    };
    const server = await startRaw(answerWith(switching("Set-Cookie: a=1\r\n")));
    const asking = { getCookieString: throwing, setCookie: () => {} };
    expect(await failure(server.url, { jar: asking })).toBe(thrown);
    expect(server.peers.all).toHaveLength(0);
    const storing = { getCookieString: () => "", setCookie: () => Promise.reject(thrown) };
    expect(await failure(server.url, { jar: storing })).toBe(thrown);
    await (await server.peers.next()).ended();
  });

  it("can't smuggle headers in", async () => {
    const server = await startRaw();
    const jar = { getCookieString: () => "a=1\r\nX: y", setCookie: () => {} };
    expect(await failure(server.url, { jar })).toBeInstanceOf(TypeError);
    expect(server.peers.all).toHaveLength(0);
  });
});
