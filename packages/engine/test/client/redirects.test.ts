/** Redirects over real servers: followed only when asked for, and credentials stay at home. */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { Dialer, type DialerOptions } from "@longwire/engine";
import { Inbox } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { CookieJar } from "tough-cookie";
import { CA, CLIENT, SERVER } from "./certificates.ts";
import { echoes, failOnCrash, open, refusal } from "./dialing.ts";
import { listen, startEcho } from "./servers.ts";

failOnCrash();

interface Redirecting {
  readonly url: string;
  readonly requests: Inbox<IncomingMessage>;
}

/** Starts a server that answers each request with a redirect, by its path where there are several. */
async function startRedirecting(
  locations: string | Readonly<Record<string, string>>,
  { status = 302, secure = false, fields = "" } = {},
): Promise<Redirecting> {
  const server = secure ? https.createServer({ ...SERVER }) : http.createServer();
  const requests = new Inbox<IncomingMessage>("a request");
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    requests.push(request);
    const location = typeof locations === "string" ? locations : locations[request.url ?? ""];
    socket.end(
      `HTTP/1.1 ${status} Elsewhere\r\nLocation: ${location ?? "/"}\r\n${fields}Content-Length: 4\r\n\r\nbody`,
    );
  });
  const port = await listen(server);
  return { url: `${secure ? "wss" : "ws"}://127.0.0.1:${port}/`, requests };
}

const SECRETS = {
  Authorization: "Bearer secret",
  cookie: "a=secret",
  "PROXY-Authorization": "Basic secret",
  Host: "127.0.0.1",
  "X-Other": "stays",
};

describe("a redirect", () => {
  it.each([301, 302, 303, 307, 308])("%i fails the handshake by default", async (status) => {
    const server = await startRedirecting("/x", { status });
    const error = await refusal(server.url);
    expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status });
    expect(error.response?.headers["location"]).toBe("/x");
    expect(error.response?.body.toString()).toBe("body");
    expect(server.requests.all).toHaveLength(1);
  });

  it("is followed when asked for, and the result says where to", async () => {
    const target = await startEcho();
    const server = await startRedirecting(`${target.url.replace("ws:", "http:")}chat?a#fragment`);
    const dialed = await open(server.url, { followRedirects: 1 });
    expect(await echoes(dialed)).toBe(true);
    expect(dialed.url.href).toBe(`${target.url}chat?a`);
    expect((await target.requests.next()).url).toBe("/chat?a");
  });

  it("is followed no oftener than allowed", async () => {
    const server = await startRedirecting("/again");
    const error = await refusal(server.url, { followRedirects: 3 });
    expect(error).toMatchObject({ status: 302 });
    expect(server.requests.all).toHaveLength(4);
  });

  it("counts against the one time of the dial", async () => {
    const server = await startRedirecting("/again");
    const dialer = new Dialer({ followRedirects: 1_000_000, handshakeTimeout: 300 });
    await expect(dialer.dial(server.url)).rejects.toMatchObject({ code: "WS_HANDSHAKE_TIMEOUT" });
  });

  it("sends a new key, and the same headers to the same server", async () => {
    const server = await startRedirecting({ "/": "/b", "/b": "/c" });
    await refusal(server.url, {
      followRedirects: 1,
      headers: SECRETS,
      subprotocols: ["x"],
      basicAuth: { username: "u", password: "p" },
    });
    const [first, second] = server.requests.all.map(({ headers }) => headers);
    expect(first?.["sec-websocket-key"]).not.toBe(second?.["sec-websocket-key"]);
    expect({ ...second, "sec-websocket-key": "" }).toEqual({ ...first, "sec-websocket-key": "" });
    expect(second?.authorization).toBe("Bearer secret");
  });

  it.each([
    ["from wss: to ws:", true, "ws://127.0.0.1:1/"],
    ["from wss: to http:", true, "http://127.0.0.1:1/"],
    ["to another scheme", false, "ftp://127.0.0.1/"],
    ["to a file", false, "file:///etc/passwd"],
    ["to a unix socket", false, "ws+unix:/tmp/a.sock"],
    ["to nowhere", false, "http://["],
  ])("is not followed %s", async (_, secure, location) => {
    const server = await startRedirecting(location, { secure });
    const error = await refusal(server.url, { followRedirects: 5, tls: { ca: CA } });
    expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 302 });
    expect(error.message).toContain("is not followed: ");
    expect(error.response?.body.toString()).toBe("body");
  });
});

describe("credentials never cross origins", () => {
  it.each<[what: string, options: DialerOptions & { headers?: Record<string, string> }]>([
    ["headers", { headers: SECRETS }],
    ["Basic authorization", { basicAuth: { username: "user", password: "secret" } }],
  ])("%s", async (_, options) => {
    const target = await startEcho();
    const server = await startRedirecting(target.url);
    await open(server.url, { followRedirects: 1, ...options });
    expect((await server.requests.next()).rawHeaders.join()).toMatch(/secret|dXNlcjpzZWNyZXQ=/u);
    const { rawHeaders, headers } = await target.requests.next();
    expect(rawHeaders.join()).not.toMatch(/secret|dXNlcjpzZWNyZXQ=/u);
    expect(headers.host).toBe(new URL(target.url).host);
    expect(headers["x-other"]).toBe(options.headers?.["X-Other"]);
  });

  it("nor do those of the URL, in either direction", async () => {
    const target = await startEcho();
    const server = await startRedirecting(target.url.replace("//", "//evil:user@"));
    const url = server.url.replace("//", "//user:secret@");
    await open(url, { followRedirects: 1, basicAuth: true });
    expect((await server.requests.next()).headers.authorization).toBe(
      `Basic ${btoa("user:secret")}`,
    );
    expect((await target.requests.next()).headers.authorization).toBeUndefined();
  });

  it("nor do they come back with a second redirect", async () => {
    const home = { "/": "", "/back": "/end" };
    const server = await startRedirecting(home);
    const away = await startRedirecting(`${server.url}back`);
    home["/"] = away.url;
    await refusal(server.url, { followRedirects: 3, headers: SECRETS });
    const back = server.requests.all.find(({ url }) => url === "/end");
    expect(server.requests.all.map(({ url }) => url)).toEqual(["/", "/back", "/end"]);
    expect(back?.headers.authorization).toBeUndefined();
    expect(back?.headers["x-other"]).toBe("stays");
  });

  it("nor does a client certificate, nor the server name", async () => {
    const target = await startEcho({
      tls: { ...SERVER, ca: CA, requestCert: true, rejectUnauthorized: false },
    });
    const server = await startRedirecting(target.url, { secure: true });
    const { conn } = await open(server.url, {
      followRedirects: 1,
      tls: { ca: CA, ...CLIENT, servername: "a.example" },
    });
    expect(conn.readyState).toBe(1);
    const request = await target.requests.next();
    const socket = request.socket as TLSSocket;
    expect(socket.getPeerCertificate()).toEqual({});
    expect(socket.servername).toBeFalsy(); // an address has none
  });

  it("while a jar gives each server its own cookies", async () => {
    const target = await startEcho();
    const server = await startRedirecting(target.url.replace("127.0.0.1", "localhost"), {
      fields: "Set-Cookie: from=redirect\r\n",
    });
    const jar = new CookieJar();
    await jar.setCookie("home=1", server.url.replace("ws:", "http:"));
    await jar.setCookie("away=1", "http://localhost/");
    await open(server.url, { followRedirects: 1, jar, headers: { Cookie: "given=1" } });
    expect((await server.requests.next()).headers.cookie).toBe("given=1; home=1");
    expect((await target.requests.next()).headers.cookie).toBe("away=1");
    expect(await jar.getCookieString("http://127.0.0.1/")).toBe("home=1; from=redirect");
  });
});
