/** Which route answers, in which words: sockets, pages, both, neither; headers, parameters, logs. */
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest, Step } from "../adapter-under-test.ts";
import { EXAMPLE_ACCEPT, requestText, upgradeText } from "../raw-http.ts";
import { echo, page, serve, socket } from "./served.ts";

function answers(adapter: AdapterUnderTest): void {
  const overHttp2 = adapter.overHttp2 === true;
  describe("what is no socket", () => {
    it.each(["call", "short"] as const)("a plain GET gets 426 from a route by %s", async (form) => {
      const served = await serve(adapter, { routes: [socket("/echo", echo, { form })] });
      const answer = await served.rawAnswerTo(requestText("/echo", { Host: served.host }));
      expect(answer.status).toBe(426);
      // RFC 9113 §8.2.2: connection-specific header fields are of HTTP/1.1.
      expect(answer.header("upgrade")).toBe(overHttp2 ? undefined : "websocket");
      // Over HTTP/2 the gateway says `Connection: keep-alive` on its own account.
      expect(answer.header("connection")?.toLowerCase() === "upgrade").toBe(!overHttp2);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("an upgrade of an HTTP route gets that route's answer, never a 101", async () => {
      const served = await serve(adapter, { routes: [page("/page", "an ordinary page")] });
      const upgrade = await served.rawAnswer("/page");
      // A 200 would accept a CONNECT request.
      const status = overHttp2 ? 405 : 200;
      expect([upgrade.status, upgrade.body]).toEqual([status, "an ordinary page"]);
      const plain = await served.rawAnswerTo(requestText("/page", { Host: served.host }));
      expect([plain.status, plain.body]).toEqual([200, "an ordinary page"]);
    });

    it("an unknown path gets 404, upgrade or not", async () => {
      const served = await serve(adapter, {});
      expect((await served.rawAnswer("/nowhere")).status).toBe(404);
      expect(
        (await served.rawAnswerTo(requestText("/nowhere", { Host: served.host }))).status,
      ).toBe(404);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("one URL serves a page and a socket", async () => {
      const served = await serve(adapter, { routes: [socket("/both", echo, { page: "a page" })] });
      const plain = await served.rawAnswerTo(requestText("/both", { Host: served.host }));
      expect([plain.status, plain.body]).toEqual([200, "a page"]);
      const peer = await served.ws("/both");
      peer.send("a socket");
      expect(await peer.next()).toBe("a socket");
    });

    it("an upgrade after a request on the same connection is served", async () => {
      const served = await serve(adapter, {
        routes: [page("/page", "first"), socket("/echo", echo)],
      });
      const peer = await served.raw();
      peer.send(requestText("/page", { Host: served.host }));
      expect((await peer.readResponse()).body).toBe("first");
      peer.send(upgradeText("/echo", { Host: served.host }));
      expect((await peer.readResponse()).status).toBe(101);
    });
  });
}

function places(adapter: AdapterUnderTest): void {
  describe("where a route stands", () => {
    it.each(["call", "short"] as const)("parameters reach the handler by %s", async (form) => {
      const served = await serve(adapter, {
        routes: [
          socket("/rooms/:room/:seat", (conn, view) => conn.send(JSON.stringify(view.params)), {
            form,
          }),
        ],
      });
      const peer = await served.ws("/rooms/blue%20salon/7?side=left");
      expect(JSON.parse(String(await peer.next()))).toEqual({ room: "blue salon", seat: "7" });
    });

    it("several routers under their prefixes, the same path in each", async () => {
      const named = (name: string): ReturnType<typeof socket> =>
        socket("/where/:id", (conn, view) => conn.send(`${name} ${view.params["id"]}`), {
          form: name === "one" ? "call" : "short",
        });
      const served = await serve(adapter, {
        mounts: [
          { prefix: "/one", routes: [named("one")] },
          { prefix: "/two/deep", routes: [named("two"), page("/page", "in two")] },
        ],
      });
      expect(await (await served.ws("/one/where/1")).next()).toBe("one 1");
      expect(await (await served.ws("/two/deep/where/2")).next()).toBe("two 2");
      expect((await served.refused("/two/deep/page")).body).toBe("in two");
      expect((await served.refused("/two/where/2")).status).toBe(404);
    });

    it("the request is the upgrade's own", async () => {
      const served = await serve(adapter, {
        routes: [
          socket("/request", (conn, { request }) => {
            conn.send(`${request.method} ${request.url} ${String(request.headers["x-marker"])}`);
          }),
        ],
      });
      const peer = await served.ws("/request?q=1", { headers: { "X-Marker": "m" } });
      expect(await peer.next()).toBe("GET /request?q=1 m");
    });
  });
}

const marking: Step = (view) => {
  view.addHeader("X-Request-Id", "abc-1");
  view.addHeader("Set-Cookie", "session=abc; HttpOnly");
  view.addHeader("Set-Cookie", "theme=dark");
  return undefined;
};

function headers(adapter: AdapterUnderTest): void {
  describe("the 101", () => {
    it.each(["call", "short"] as const)("carries headers and cookies, by %s", async (form) => {
      const served = await serve(adapter, {
        steps: [marking],
        routes: [socket("/echo", echo, { form }), page("/page", "")],
      });
      const accepted = await served.rawAnswer("/echo");
      expect(accepted.status).toBe(101);
      expect(accepted.statusText).toBe("Switching Protocols");
      expect(accepted.headerValues("upgrade")).toEqual(["websocket"]);
      expect(accepted.headerValues("connection")).toEqual(["Upgrade"]);
      expect(accepted.headerValues("sec-websocket-accept")).toEqual([EXAMPLE_ACCEPT]);
      expect(accepted.headerValues("x-request-id")).toEqual(["abc-1"]);
      expect(accepted.headerValues("set-cookie")).toEqual(["session=abc; HttpOnly", "theme=dark"]);
      expect(accepted.headerValues("content-length")).toEqual([]);
      expect(accepted.headerValues("transfer-encoding")).toEqual([]);
      // Some frameworks fold names to lower case; the 101 spells them as their other responses do.
      const plain = await served.rawAnswerTo(requestText("/page", { Host: served.host }));
      const spelled = (names: typeof plain.headers): string[] =>
        names.map(([name]) => name).filter((name) => /^(x-request-id|set-cookie)$/iu.test(name));
      expect(spelled(accepted.headers)).toEqual(spelled(plain.headers));
    });

    const { noLateHeaders, acceptedStatusInLog } = adapter.differences ?? {};
    const late = noLateHeaders === undefined ? "carries" : "has no";
    it(`${late} headers set when the chain comes back${reason(noLateHeaders)}`, async () => {
      const served = await serve(adapter, {
        late: (view) => view.addHeader("Set-Cookie", "saved=late"),
        routes: [socket("/echo", echo)],
      });
      const peer = await served.ws("/echo");
      const expected = noLateHeaders === undefined ? ["saved=late"] : [];
      expect(peer.response.headerValues("set-cookie")).toEqual(expected);
    });

    const status = acceptedStatusInLog?.status ?? 101;
    it(`is logged once, as ${status}${reason(acceptedStatusInLog)}`, async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const peer = await served.ws("/echo?a=1");
      expect(await served.access.next()).toEqual({ url: "/echo?a=1", status });
      await peer.close();
      await served.proveAlive();
      expect(served.access.all).toHaveLength(1);
    });
  });
}

function reason(difference: { readonly because: string } | undefined): string {
  return difference === undefined ? "" : `: ${difference.because}`;
}

export function routingBehaviour(adapter: AdapterUnderTest): void {
  answers(adapter);
  places(adapter);
  headers(adapter);
}
