/** What WebSocket plugins for Fastify have got wrong, one by one. */
import {
  deferred,
  Inbox,
  RawPeer,
  rawText,
  requestText,
  upgradeText,
  watchForCrashes,
  WsPeer,
} from "@longwire/testkit";
import { HandshakeError, websocket } from "@longwire/fastify";
import { fastify } from "fastify";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  appWith,
  ask,
  closing,
  echo,
  failure,
  LEVEL,
  listen,
  logged,
  type LogLine,
} from "./app.ts";

let stopWatching: () => Promise<void>;
beforeEach(() => {
  const watch = watchForCrashes();
  stopWatching = () => watch.stop();
});
afterEach(() => stopWatching());

async function rawPeer(port: number): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  onTestFinished(() => peer[Symbol.dispose]());
  return peer;
}

describe("the 101", () => {
  it("carries the headers and cookies of every hook", async () => {
    const app = await appWith();
    app.addHook("onRequest", async (_request, reply) => {
      reply.header("X-Request-Id", "7").header("Set-Cookie", "first=1");
    });
    app.addHook(
      "preHandler",
      async (_request, reply) => void reply.header("Set-Cookie", "second=2"),
    );
    app.addHook("onSend", async (_request, reply, payload) => {
      reply.header("Set-Cookie", "third=3");
      return payload;
    });
    app.websocket("/", echo);
    const { response } = await app.injectWS("/");
    expect(response.headers["x-request-id"]).toBe("7");
    expect(response.headers["set-cookie"]).toEqual(["first=1", "second=2", "third=3"]);
  });

  it("reaches onResponse, and the log says that the request completed with it", async () => {
    const { lines, server } = logged();
    const app = await appWith({}, server);
    const responses = new Inbox<number>("a response");
    app.addHook("onResponse", async (_request, reply) => responses.push(reply.statusCode));
    app.websocket("/", echo);
    const conn = await app.injectWS("/");
    expect(await responses.next()).toBe(101);
    expect(await ask(conn, "on")).toBe("on");
    const completed = lines.filter(({ msg }) => msg === "request completed");
    expect(completed.map(({ res }) => res?.statusCode)).toEqual([101]);
  });
});

describe("what is no WebSocket", () => {
  it("an upgrade of an HTTP route gets that route's answer", async () => {
    const app = await appWith();
    app.get("/page", async () => ({ page: 1 }));
    const error = await failure(app.injectWS("/page"));
    expect(error).toMatchObject({ status: 200, response: { body: Buffer.from('{"page":1}') } });
  });

  it("Upgrade: h2c is served as HTTP", async () => {
    const app = await appWith();
    app.get("/page", async () => "plain");
    const peer = await rawPeer(await listen(app));
    const h2c = { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "AAMA" };
    peer.send(requestText("/page", h2c));
    expect(await peer.readResponse()).toMatchObject({ status: 200, body: "plain" });
  });

  it("an upgrade with a body is refused, and its bytes are no frames", async () => {
    const app = await appWith();
    const started = new Inbox<string>("a handler");
    app.websocket("/", () => started.push("started"));
    const peer = await rawPeer(await listen(app));
    peer.send(upgradeText("/", { "Content-Length": "5" }));
    peer.send(rawText("x"));
    expect((await peer.readResponse()).status).toBe(400);
    expect(started.all).toEqual([]);
  });

  it("a bad handshake is in the log, with its status", async () => {
    const { lines, server } = logged();
    const app = await appWith({}, server);
    app.websocket("/", echo);
    const peer = await rawPeer(await listen(app));
    peer.send(upgradeText("/", { "Sec-WebSocket-Key": "short" }));
    expect((await peer.readResponse()).status).toBe(400);
    const completed = lines.filter(({ msg }) => msg === "request completed");
    expect(completed.map(({ res }) => res?.statusCode)).toEqual([400]);
  });
});

describe("messages", () => {
  it("that arrive while the handler awaits are not dropped", async () => {
    const app = await appWith();
    const database = deferred();
    app.websocket("/", async (conn) => {
      await database.promise;
      await echo(conn);
    });
    const conn = await app.injectWS("/");
    for (let index = 0; index < 20; index++) await conn.writeMessage(1, `early ${index}`);
    await conn.ping();
    database.resolve();
    for (let index = 0; index < 20; index++) {
      expect((await conn.readMessage()).text()).toBe(`early ${index}`);
    }
  });

  it("that a guard keeps waiting are not dropped", async () => {
    const app = await appWith();
    const asked = deferred();
    const allowed = deferred();
    const preHandler = async (): Promise<void> => {
      asked.resolve();
      await allowed.promise;
    };
    app.websocket("/", { preHandler }, echo);
    const peer = await rawPeer(await listen(app));
    peer.send(upgradeText("/"));
    await asked.promise;
    peer.send(rawText("early"));
    allowed.resolve();
    expect((await peer.readResponse()).status).toBe(101);
    expect((await peer.readFrame()).payload.toString()).toBe("early");
  });
});

describe("closing the application", () => {
  it("says 1001 to every peer, and returns when they have answered", async () => {
    const app = await appWith({ drainTimeout: 60_000 });
    app.websocket("/", echo);
    const port = await listen(app);
    using peer = await WsPeer.open(`ws://127.0.0.1:${port}/`);
    await app.close();
    expect(await peer.awaitClosed()).toMatchObject({ code: 1001 });
  });

  it("does not wait for a peer that never answers", async () => {
    const app = await appWith({ drainTimeout: 50 });
    app.websocket("/", echo);
    const peer = await RawPeer.upgrade(await listen(app), "/");
    onTestFinished(() => peer[Symbol.dispose]());
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe("injectWS", () => {
  it("works before ready()", async () => {
    const app = closing(fastify());
    await app.register(websocket);
    app.register(async (inner) => {
      inner.websocket("/inner", echo);
    });
    expect(await ask(await app.injectWS("/inner"), "hi")).toBe("hi");
  });

  it("gives messages that the handler sent at once", async () => {
    const app = await appWith();
    app.websocket("/", async (conn) => {
      for (const text of ["one", "two"]) conn.send(text);
    });
    const conn = await app.injectWS("/");
    expect((await conn.readMessage()).text()).toBe("one");
    expect((await conn.readMessage()).text()).toBe("two");
  });

  it("throws a refusal with status, headers and body", async () => {
    const app = await appWith();
    app.addHook("preHandler", async (_request, reply) => reply.code(403).send({ error: "no" }));
    app.websocket("/", echo);
    const error = await failure(app.injectWS("/"));
    if (!(error instanceof HandshakeError)) throw error;
    expect(error.status).toBe(403);
    expect(error.response?.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(error.response?.body.toString()).toBe('{"error":"no"}');
  });
});

describe("options", () => {
  it("hold for one route", async () => {
    const app = await appWith({ readLimit: 100 });
    app.websocket("/short", { readLimit: 5 }, echo);
    app.websocket("/long", echo);
    const long = await app.injectWS("/long");
    expect(await ask(long, "0123456789")).toBe("0123456789");
    const short = await app.injectWS("/short");
    expect(await failure(ask(short, "0123456789"))).toMatchObject({ code: 1009 });
  });
});

describe("hostile peers", () => {
  it("a malformed frame closes with 1002 and is no error of the application", async () => {
    const { lines, server } = logged();
    const app = await appWith({}, server);
    app.websocket("/", echo);
    const peer = await RawPeer.upgrade(await listen(app), "/");
    peer.sendHex("f1 80 00000000"); // reserved bits
    expect((await peer.readClose()).code).toBe(1002);
    peer.end();
    await peer.ended();
    expect(lines.filter(({ level }) => level >= LEVEL.warn)).toEqual([]);
  });

  it("a reset is a line at debug level and nothing louder", async () => {
    const { lines, server } = logged();
    const app = await appWith({}, server);
    app.websocket("/", echo);
    const peer = await RawPeer.upgrade(await listen(app), "/");
    peer.reset();
    const ends = (): LogLine[] => lines.filter(({ msg }) => msg === "WebSocket closed");
    await expect.poll(ends).toMatchObject([{ level: LEVEL.debug, err: { code: 1006 } }]);
    expect(lines.filter(({ level }) => level >= LEVEL.warn)).toEqual([]);
  });
});
