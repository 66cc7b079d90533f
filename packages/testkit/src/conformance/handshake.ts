/** Upgrade requests that are foreign, malformed or hostile: each gets an HTTP answer, and the process stays up. */
import type { Conn } from "@longwire/engine";
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest } from "../adapter-under-test.ts";
import { rawText } from "../raw-frame.ts";
import { requestText, upgradeText, type RequestFields } from "../raw-http.ts";
import { deferred, Inbox } from "../wait.ts";
import { echo, page, serve, socket } from "./served.ts";

function origins(adapter: AdapterUnderTest): void {
  const ORIGINS: ReadonlyArray<readonly [string, (host: string) => RequestFields, number]> = [
    ["no Origin", () => ({}), 101],
    ["the request's own host", (host) => ({ Origin: `http://${host}` }), 101],
    ["the own host over TLS", (host) => ({ Origin: `https://${host}` }), 101],
    ["another host", () => ({ Origin: "http://evil.example" }), 403],
    ["another port", () => ({ Origin: "http://127.0.0.1:1" }), 403],
    ["null", () => ({ Origin: "null" }), 403],
    ["what is no URL", () => ({ Origin: "http://[" }), 403],
    ["an own host only in its path", (host) => ({ Origin: `http://evil.example/${host}` }), 403],
  ];

  describe("the origin check", () => {
    it.each(ORIGINS)("by default, %s", async (_what, fields, status) => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      expect((await served.rawAnswer("/echo", fields(served.host))).status).toBe(status);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("takes the origins that the route allows, and no other", async () => {
      const options = { allowedOrigins: ["https://app.example.com"] };
      const served = await serve(adapter, { routes: [socket("/echo", echo, { options })] });
      const peer = await served.ws("/echo", { origin: "https://app.example.com" });
      peer.send("allowed");
      expect(await peer.next()).toBe("allowed");
      const other = await served.refused("/echo", { origin: "https://app.example.org" });
      expect(other.status).toBe(403);
    });
  });
}

function limits(adapter: AdapterUnderTest): void {
  describe.each(["call", "short"] as const)("a limit of a route by %s", (form) => {
    it.each([
      ["maxConnections", 503],
      ["maxConnectionsPerAddress", 429],
    ])("%s refuses the next one with %i, until one has gone", async (name, status) => {
      const ends = new Inbox<number>("a connection's end");
      const noting = async (conn: Conn): Promise<void> => {
        void conn.closed.then((end) => ends.push(end.code));
        await echo(conn);
      };
      const options = { [name]: 2 };
      const served = await serve(adapter, {
        routes: [socket("/limited", noting, { form, options }), socket("/other", echo, { form })],
      });
      const first = await served.ws("/limited");
      await served.ws("/limited");
      expect((await served.refused("/limited")).status).toBe(status);
      await served.ws("/other");
      await first.close();
      await ends.next();
      const next = await served.ws("/limited");
      next.send("in");
      expect(await next.next()).toBe("in");
    });
  });
}

const MALFORMED: ReadonlyArray<readonly [string, string]> = [
  ["no key", upgradeText("/echo", { "Sec-WebSocket-Key": null })],
  ["an empty key", upgradeText("/echo", { "Sec-WebSocket-Key": "" })],
  ["a key of 3 bytes", upgradeText("/echo", { "Sec-WebSocket-Key": "YWJj" })],
  ["two keys", upgradeText("/echo", { "Sec-WebSocket-Key": ["AAAA", "BBBB"] })],
  ["no version", upgradeText("/echo", { "Sec-WebSocket-Version": null })],
  ["version 12", upgradeText("/echo", { "Sec-WebSocket-Version": "12" })],
  ["version 0", upgradeText("/echo", { "Sec-WebSocket-Version": "0" })],
  ["the method POST", upgradeText("/echo", {}, "POST")],
  ["HTTP/1.0", upgradeText("/echo", {}, "GET", "HTTP/1.0")],
  ["no Connection", upgradeText("/echo", { Connection: null })],
  ["a body", `${upgradeText("/echo", { "Content-Length": "5" })}hello`],
  [
    "a body in chunks",
    `${upgradeText("/echo", { "Transfer-Encoding": "chunked" })}1\r\na\r\n0\r\n\r\n`,
  ],
  ["a Host that is no host", upgradeText("/echo", { Host: "%%", Origin: "http://a.example" })],
];

function malformed(adapter: AdapterUnderTest): void {
  describe("a malformed upgrade request", () => {
    it.each(MALFORMED)("with %s is refused", async (_what, request) => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const answer = await served.rawAnswerTo(request);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("with a body is refused with 400, and one with an empty body is not", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      for (const fields of [{ "Content-Length": "5" }, { "Transfer-Encoding": "chunked" }]) {
        const peer = await served.raw();
        peer.send(`${upgradeText("/echo", { Host: served.host, ...fields })}hello`);
        expect((await peer.readResponse()).status).toBe(400);
        await peer.ended();
      }
      expect((await served.rawAnswer("/echo", { "Content-Length": "0" })).status).toBe(101);
    });

    it("with a wrong version names the right one", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const answer = await served.rawAnswer("/echo", { "Sec-WebSocket-Version": "12" });
      expect([400, 426]).toContain(answer.status);
      expect(answer.header("sec-websocket-version")).toBe("13");
    });

    it("with 2,001 headers before the ones that count does not reach the handler", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const many = "x: 1\r\n".repeat(2001);
      const request = upgradeText("/echo", { Host: served.host });
      const answer = await served.rawAnswerTo(request.replace("\r\n", `\r\n${many}`));
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(await served.errorsSoFar()).toEqual([]);
    });
  });
}

function unusual(adapter: AdapterUnderTest): void {
  const ACCEPTED: ReadonlyArray<readonly [string, RequestFields]> = [
    [
      "tokens in lists and any case",
      { Connection: "keep-alive, UPGRADE", Upgrade: "h2c, WebSocket" },
    ],
    [
      "extensions named like properties",
      { "Sec-WebSocket-Extensions": "constructor, __proto__; a=1" },
    ],
    ["a version among others", { "Sec-WebSocket-Version": "8, 13" }],
  ];

  describe("an unusual upgrade request", () => {
    it.each(ACCEPTED)("with %s is accepted", async (_what, fields) => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      expect((await served.rawAnswer("/echo", fields)).status).toBe(101);
    });

    it("with an absolute target gets an answer", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const answer = await served.rawAnswer("http://evil.example/echo");
      expect(answer.status).toBeGreaterThanOrEqual(101);
      await served.proveAlive();
    });

    it("with a header of 12 KiB takes linear time", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const blanks = " ".repeat(12_000);
      for (const name of ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"]) {
        const began = performance.now();
        const answer = await served.rawAnswer("/echo", { [name]: `b${blanks}x` });
        expect(answer.status).toBeGreaterThanOrEqual(101);
        expect(performance.now() - began).toBeLessThan(1_000);
      }
    });
  });
}

const H2C = {
  Upgrade: "h2c",
  Connection: "Upgrade, HTTP2-Settings",
  "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
} as const;

function neighbours(adapter: AdapterUnderTest): void {
  describe("other protocols beside ours", () => {
    it("Upgrade: h2c stays ordinary HTTP, with keep-alive and a body", async () => {
      const submit = page("/submit", "stored", { method: "POST" });
      const served = await serve(adapter, { routes: [page("/page", "plain"), submit] });
      const peer = await served.raw();
      for (let again = 0; again < 2; again++) {
        peer.send(requestText("/page", { Host: served.host, ...H2C }));
        expect(await peer.readResponse()).toMatchObject({ status: 200, body: "plain" });
      }
      const body = { "Content-Type": "text/plain", "Content-Length": "5" };
      peer.send(`${requestText("/submit", { Host: served.host, ...H2C, ...body }, "POST")}hello`);
      expect(await peer.readResponse()).toMatchObject({ status: 200, body: "stored" });
    });

    it("a second upgrade listener keeps its own sockets", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      served.server.on("upgrade", (request, theirs) => {
        if (request.url !== "/theirs") return;
        theirs.end(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: theirs\r\nConnection: Upgrade\r\n\r\n",
        );
      });
      const peer = await served.raw();
      peer.send(upgradeText("/theirs", { Host: served.host }));
      expect((await peer.readResponse()).header("upgrade")).toBe("theirs");
      expect(await peer.readToEnd()).toHaveLength(0);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("an upgrade behind a response that is still open ends the connection", async () => {
      const gate = deferred();
      const asked = new Inbox<undefined>("the slow route's turn");
      const slow = page("/slow", "", {
        answer: async () => {
          asked.push(undefined);
          await gate.promise;
          return "late";
        },
      });
      const served = await serve(adapter, { routes: [slow, socket("/echo", echo)] });
      const peer = await served.raw();
      const both = requestText("/slow", { Host: served.host }) + upgradeText("/echo");
      peer.send(Buffer.concat([Buffer.from(both), rawText("hi")]));
      await asked.next();
      await expect(peer.ended()).resolves.toBeDefined();
      gate.resolve();
      expect(await served.errorsSoFar()).toEqual([]);
    });
  });
}

/** One declaration for each of two answers: what a server is that nobody called `attach` on. */
function attachment(adapter: AdapterUnderTest): void {
  const itself = adapter.differences?.attachesItself;
  const how = itself === undefined ? "reports WS_NOT_ATTACHED" : `works: ${itself.because}`;

  it(`a server without attach ${how}`, async () => {
    const served = await serve(adapter, { routes: [socket("/echo", echo)], attach: false });
    const { status } = await served.rawAnswer("/echo");
    expect(status).toBe(itself === undefined ? 500 : 101);
    if (itself !== undefined) return;
    const error = await served.errors.next();
    expect(error).toMatchObject({ code: "WS_NOT_ATTACHED" });
    expect(String(error)).toContain("attach(server, app)");
  });
}

export function handshakeBehaviour(adapter: AdapterUnderTest): void {
  origins(adapter);
  limits(adapter);
  // The rest is of HTTP/1.1, and over HTTP/2 a server that nobody attached tells clients that it takes no WebSockets.
  if (adapter.overHttp2 === true) return;
  attachment(adapter);
  malformed(adapter);
  unusual(adapter);
  neighbours(adapter);
}
