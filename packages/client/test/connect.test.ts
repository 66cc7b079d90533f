/** The client over real sockets, with each WebSocket that Node has. */
import { getEventListeners } from "node:events";
import { deferred, watchForCrashes, within, type CrashWatch } from "@longwire/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { CloseError, connect, InvalidMessageError } from "../src/index.ts";
import { collect, listen, serveRoute, WEB_SOCKETS } from "./route.ts";

const chat = {
  incoming: z.object({ text: z.string() }),
  outgoing: z.object({ text: z.string(), at: z.date() }),
};

const AT = new Date("2026-01-02T03:04:05.678Z");

let watch: CrashWatch;
beforeEach(() => {
  watch = watchForCrashes();
});
afterEach(() => watch.stop());

describe.each(WEB_SOCKETS)("with %s WebSocket", (_name, WebSocket) => {
  it("talks by the contract, from the first moment on", async () => {
    const { url, errors } = await serveRoute({ messages: chat }, async (conn) => {
      for await (const { text } of conn.json()) await conn.writeJSON({ text, at: AT });
    });
    await using conn = connect<typeof chat>(url, { WebSocket });
    expect(conn.socket.readyState).toBe(0);
    for (const text of ["one", "two", "three"]) expect(conn.send({ text })).toBe(true);
    for (const text of ["one", "two", "three"]) {
      expect(await conn.read()).toEqual({ text, at: "2026-01-02T03:04:05.678Z" });
    }
    expect(errors).toEqual([]);
  });

  it("keeps the first messages, however late the reading begins", async () => {
    const { url } = await serveRoute({}, async (conn) => {
      for (let n = 0; n < 100; n++) conn.send(String(n));
      await conn.close();
    });
    const conn = connect(url, { WebSocket });
    await within(conn.closed, "the end");
    const { values, error } = await collect(conn);
    expect(values).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(error).toBeUndefined();
  });

  it("reads JSON of binary messages too", async () => {
    const { url } = await serveRoute({}, (conn) => {
      conn.send(Buffer.from('{"é":1}'));
    });
    await using conn = connect(url, { WebSocket });
    expect(await conn.read()).toEqual({ é: 1 });
  });

  it("loses nothing by break, and goes on", async () => {
    const { url } = await serveRoute({}, async (conn) => {
      for (let n = 0; n < 5; n++) conn.send(String(n));
      await conn.close();
    });
    const conn = connect(url, { WebSocket });
    for await (const value of conn) if (value === 1) break;
    expect((await collect(conn)).values).toEqual([2, 3, 4]);
  });

  it.each([
    ["1000", 1000, 1000],
    ["1001", 1001, 1001],
    ["no code", 1005, 1005],
  ])("ends an iteration quietly on %s", async (_code, sent, seen) => {
    const { url } = await serveRoute({}, (conn) => conn.close(sent));
    const conn = connect(url, { WebSocket });
    expect(await collect(conn)).toEqual({ values: [], error: undefined });
    expect(await conn.closed).toEqual({ code: seen, reason: "", wasClean: true });
    expect(conn.closedHere).toBe(false);
    await expect(conn.read()).rejects.toMatchObject({ name: "CloseError", code: seen });
  });

  it("throws CloseError on any other end, behind what came before", async () => {
    const { url } = await serveRoute({}, async (conn) => {
      conn.send("1");
      await conn.close(4001, "kicked");
    });
    const conn = connect(url, { WebSocket });
    const { values, error } = await collect(conn);
    expect(values).toEqual([1]);
    expect(error).toBeInstanceOf(CloseError);
    expect(error).toMatchObject({ code: 4001, reason: "kicked", wasClean: true });
    expect((error as Error).message).toBe(`${url.replace("http", "ws")} closed with 4001: kicked`);
  });

  it("shows a connection that was cut as 1006", async () => {
    const { url } = await serveRoute({}, async (conn) => {
      await conn.readJSON();
      conn.terminate();
    });
    const conn = connect(url, { WebSocket });
    conn.send("cut me");
    const { error } = await collect(conn);
    expect(error).toMatchObject({ name: "CloseError", code: 1006, wasClean: false });
  });

  it("tells a refusal by opened and by reading, with nobody who has to listen", async () => {
    const url = await listen((_request, response) => response.writeHead(401).end("who are you?"));
    const conn = connect(url, { WebSocket });
    const alone = connect(url, { WebSocket }); // neither awaited nor read
    await expect(conn.opened).rejects.toMatchObject({ name: "CloseError", code: 1006 });
    const { error } = await collect(conn);
    expect(error).toBeInstanceOf(CloseError);
    expect((error as Error).message).toContain(`${url.replace("http", "ws")} did not open`);
    expect(await alone.closed).toMatchObject({ code: 1006, wasClean: false });
    expect(alone.send("too late")).toBe(false);
  });

  it("closes behind what was sent, even before it has opened", async () => {
    const received = deferred<unknown>();
    const ended = deferred<unknown>();
    const { url } = await serveRoute({}, async (conn) => {
      received.resolve(await conn.readJSON());
      ended.resolve(await conn.readJSON().catch((error: unknown) => error));
    });
    const conn = connect(url, { WebSocket });
    conn.send({ last: "words" });
    const closed = conn.close(4000, "done");
    expect(conn.closedHere).toBe(true);
    expect(conn.send("too late")).toBe(false);
    expect(await within(received.promise, "the message")).toEqual({ last: "words" });
    expect(await within(ended.promise, "the end")).toMatchObject({ code: 4000, reason: "done" });
    expect(await closed).toMatchObject({ wasClean: true });
    expect(conn.close()).toBe(conn.closed);
    expect(await collect(conn)).toEqual({ values: [], error: undefined });
  });

  it("drops at close() what was not read, and ends a waiting read at once", async () => {
    const { url } = await serveRoute({}, (conn) => {
      conn.send("1");
    });
    const conn = connect(url, { WebSocket });
    expect(await conn.read()).toBe(1);
    const collected = collect(conn);
    const closed = conn.close();
    expect(await collected).toEqual({ values: [], error: undefined });
    expect(await closed).toMatchObject({ code: 1000 });
  });

  it("closes before it has opened, too", async () => {
    const { url } = await serveRoute({}, () => {});
    const conn = connect(url, { WebSocket });
    const closed = conn.close();
    await expect(conn.opened).rejects.toMatchObject({ name: "CloseError", code: 1000 });
    expect(await closed).toMatchObject({ code: 1006 });
    expect(await collect(conn)).toEqual({ values: [], error: undefined });
  });

  it("ends with the reason of its signal while it opens", async () => {
    const { url } = await serveRoute({}, () => {});
    const reason = new Error("left the page");
    const controller = new AbortController();
    const conn = connect(url, { WebSocket, signal: controller.signal });
    controller.abort(reason);
    expect(await collect(conn)).toEqual({ values: [], error: reason });
    await expect(conn.opened).rejects.toBe(reason);
    expect(await within(conn.closed, "the end")).toMatchObject({ code: 1006 });
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  it("ends with the reason of its signal while it is open, and reads no more", async () => {
    const ended = deferred<unknown>();
    const { url } = await serveRoute({}, async (conn) => {
      for (const text of ["1", "2", "3"]) conn.send(text);
      ended.resolve(await conn.closed);
    });
    const reason = new Error("left the page");
    const controller = new AbortController();
    const conn = connect(url, { WebSocket, signal: controller.signal });
    expect(await conn.read()).toBe(1);
    controller.abort(reason);
    expect(await collect(conn)).toEqual({ values: [], error: reason });
    expect(await within(ended.promise, "the end")).toMatchObject({ code: 1005, wasClean: true });
    expect(conn.closedHere).toBe(true);
  });

  it("leaves no listener on a signal that outlives it", async () => {
    const { signal } = new AbortController();
    const { url } = await serveRoute({}, (conn) => conn.close());
    const conn = connect(url, { WebSocket, signal });
    await within(conn.closed, "the end");
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("offers subprotocols", async () => {
    const { url } = await serveRoute({ subprotocols: ["b", "a"] }, () => {});
    await using one = connect(url, { WebSocket, protocols: "a" });
    await one.opened;
    expect(one.subprotocol).toBe("a");
    await using both = connect(url, { WebSocket, protocols: ["c", "a", "b"] });
    await both.opened;
    expect(both.subprotocol).toMatch(/^[ab]$/);
  });

  it("closes with 4008 when more waits unread than is allowed; what came before can be read", async () => {
    const ended = deferred<unknown>();
    const { url } = await serveRoute({}, async (conn) => {
      for (let n = 0; n < 4; n++) conn.send(JSON.stringify("x".repeat(100)));
      ended.resolve(await conn.closed);
    });
    const conn = connect(url, { WebSocket, maxUnreadBytes: 400 });
    expect(await within(ended.promise, "the end")).toMatchObject({ code: 4008 });
    const { values, error } = await collect(conn);
    expect(values.length).toBe(3); // 166 bytes each: the third is the one too many, the fourth is not taken
    expect(error).toMatchObject({ name: "CloseError", code: 4008 });
  });
});

describe("a message that is not what was agreed", () => {
  const [[, WebSocket]] = WEB_SOCKETS as [(typeof WEB_SOCKETS)[number]];
  const wire = { ...chat, outgoing: z.object({ text: z.string(), at: z.coerce.date() }) };

  async function speaker(...texts: string[]): Promise<{ url: string; ended: Promise<unknown> }> {
    const ended = deferred<unknown>();
    const { url } = await serveRoute({}, async (conn) => {
      for (const text of texts) conn.send(text);
      ended.resolve(await conn.closed);
    });
    return { url, ended: within(ended.promise, "the end") };
  }

  it("is thrown by read, and the connection goes on", async () => {
    const { url } = await speaker("{", '{"text":1,"at":"x"}', '{"text":"fine","at":0}');
    await using conn = connect(url, { WebSocket, messages: wire });
    const notJson: unknown = await conn.read().catch((error: unknown) => error);
    expect(notJson).toBeInstanceOf(InvalidMessageError);
    expect(notJson).toMatchObject({ code: "WS_JSON_INVALID", issues: [] });
    expect((notJson as Error).cause).toBeInstanceOf(SyntaxError);
    await expect(conn.read()).rejects.toMatchObject({
      name: "InvalidMessageError",
      code: "WS_VALIDATION",
      message: expect.stringMatching(/text: .*; at: /u),
      issues: [{ path: ["text"] }, { path: ["at"] }],
    });
    expect(await conn.read()).toEqual({ text: "fine", at: new Date(0) });
  });

  it("is thrown by iteration, in its place, and the connection closed with 4007", async () => {
    const { url, ended } = await speaker("1", "{", "2");
    const conn = connect(url, { WebSocket });
    const { values, error } = await collect(conn);
    expect(values).toEqual([1]);
    expect(error).toBeInstanceOf(InvalidMessageError);
    expect(await ended).toMatchObject({ code: 4007, reason: "WS_JSON_INVALID" });
  });

  it("goes to onInvalid, which is awaited, and iteration goes on", async () => {
    const { url } = await speaker("1", "{", "2", "}", "3");
    const seen: unknown[] = [];
    const conn = connect(url, {
      WebSocket,
      onInvalid: async ({ code }) => {
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(code);
      },
    });
    for await (const value of conn) {
      seen.push(value);
      if (value === 3) void conn.close();
    }
    expect(seen).toEqual([1, "WS_JSON_INVALID", 2, "WS_JSON_INVALID", 3]);
  });

  it("may be judged by a schema that waits", async () => {
    const { url } = await speaker("1", "2");
    const outgoing = z.number().refine(async (n) => n > 1);
    await using conn = connect(url, { WebSocket, messages: { outgoing } });
    await expect(conn.read()).rejects.toMatchObject({ code: "WS_VALIDATION" });
    expect(await conn.read()).toBe(2);
  });

  it("is no reason for two readers at once", async () => {
    const { url } = await speaker();
    await using conn = connect(url, { WebSocket });
    const first = conn.read();
    await expect(conn.read()).rejects.toThrow(TypeError);
    void conn.close();
    await expect(first).rejects.toMatchObject({ name: "CloseError" });
  });
});
