/** Handlers written against hono/ws: what their callbacks are given, in which order, and what becomes of their errors. */
import { deferred, Inbox, rawFrame, rawText } from "@longwire/testkit";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import type { WSContext } from "hono/ws";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { upgradeWebSocket, websocket, type Conn, type SocketEvents } from "../src/index.ts";
import { served, type ServedApp } from "./served-app.ts";

function servedEvents(
  events: SocketEvents,
  onError?: (error: unknown) => void,
): Promise<ServedApp> {
  const app = new Hono();
  app.get(
    "/ws",
    upgradeWebSocket(() => events, { onError }),
  );
  return served(app);
}

describe("what the callbacks are given", () => {
  it("an open event, text as a string, binary as an ArrayBuffer, the close code", async () => {
    const seen = new Inbox<readonly unknown[]>("a call");
    const server = await servedEvents({
      onOpen: (event) => seen.push([event.type]),
      onMessage: (event) => seen.push([event.type, event.data]),
      onClose: (event) => seen.push([event.type, event.code, event.reason, event.wasClean]),
      onError: (event) => seen.push([event.type]),
    });
    const peer = await server.ws("/ws");
    peer.send("text");
    peer.send(Buffer.from([1, 2, 3]));
    await peer.close(4001, "bye");
    expect(await seen.next()).toEqual(["open"]);
    expect(await seen.next()).toEqual(["message", "text"]);
    const [, bytes] = await seen.next();
    expect(bytes).toBeInstanceOf(ArrayBuffer);
    expect(new Uint8Array(bytes as ArrayBuffer)).toEqual(new Uint8Array([1, 2, 3]));
    expect(await seen.next()).toEqual(["close", 4001, "bye", true]);
    expect(seen.all).toHaveLength(4);
  });

  it("a Blob when binaryType says so", async () => {
    const blobs = new Inbox<unknown>("a message");
    const server = await servedEvents({
      onOpen: (_event, ws) => {
        ws.binaryType = "blob";
      },
      onMessage: (event) => blobs.push(event.data),
    });
    const peer = await server.ws("/ws");
    peer.send(Buffer.from("bytes"));
    const blob = await blobs.next();
    expect(blob).toBeInstanceOf(Blob);
    expect(await (blob as Blob).text()).toBe("bytes");
  });

  it("a context that sends, closes and shows the Conn", async () => {
    const contexts = new Inbox<WSContext<Conn>>("an open connection");
    const app = new Hono();
    app.get(
      "/ws",
      upgradeWebSocket(
        () => ({
          onOpen: (_event, ws) => contexts.push(ws),
        }),
        { subprotocols: ["v2", "v1"] },
      ),
    );
    const peer = await (await served(app)).ws("/ws?a=1", { subprotocols: ["v1", "v2"] });
    const ws = await contexts.next();
    expect([ws.readyState, ws.protocol, ws.url?.pathname, ws.url?.search]).toEqual([
      1,
      "v2",
      "/ws",
      "?a=1",
    ]);
    ws.send("a string");
    ws.send(new Uint8Array([1, 2]));
    ws.send(new Uint8Array([3]).buffer, { compress: false });
    expect(await peer.next()).toBe("a string");
    expect(await peer.next()).toEqual(Buffer.from([1, 2]));
    expect(await peer.next()).toEqual(Buffer.from([3]));
    expect(await ws.raw?.ping()).toBeGreaterThan(0);
    ws.close(4002, "enough");
    expect(await peer.awaitClosed()).toEqual({ code: 4002, reason: "enough" });
    await ws.raw?.closed;
    expect(ws.readyState).toBe(3);
    ws.send("into the void");
  });

  it("a close without a code, which is 1000", async () => {
    const server = await servedEvents({ onOpen: (_event, ws) => ws.close() });
    expect((await (await server.ws("/ws")).awaitClosed()).code).toBe(1000);
  });

  it("an error event with the peer's fault, and the close after it", async () => {
    const seen = new Inbox<readonly unknown[]>("a call");
    const server = await servedEvents({
      onError: (event) => seen.push([event.type, "error" in event && event.error]),
      onClose: (event) => seen.push([event.type, event.code]),
    });
    const peer = await server.raw("/ws");
    await peer.readResponse();
    peer.send(rawFrame({ opcode: 1, payload: "unmasked", mask: false }));
    expect(await seen.next()).toEqual([
      "error",
      expect.objectContaining({ code: "WS_MASK_MISSING" }),
    ]);
    expect((await peer.readClose()).code).toBe(1002);
    peer.end();
    expect(await seen.next()).toEqual(["close", 1002]);
  });
});

describe("the order of the callbacks", () => {
  it("is kept although they are async, and frames sent with the handshake are not lost", async () => {
    const gate = deferred();
    const steps = new Inbox<string>("a step");
    const server = await servedEvents({
      onOpen: async () => {
        steps.push("open begins");
        await gate.promise;
        steps.push("open ends");
      },
      onMessage: async (event) => {
        steps.push(`${String(event.data)} begins`);
        await Promise.resolve();
        steps.push(`${String(event.data)} ends`);
      },
      onClose: () => steps.push("close"),
    });
    const peer = await server.raw("/ws");
    peer.send(Buffer.concat([rawText("one"), rawText("two")]));
    await peer.readResponse();
    expect(await steps.next()).toBe("open begins");
    peer.end();
    gate.resolve();
    const rest = ["open ends", "one begins", "one ends", "two begins", "two ends", "close"];
    for (const step of rest) expect(await steps.next()).toBe(step);
  });
});

describe("errors of the callbacks", () => {
  it("thrown or rejected, reach onError of the options, and the connection goes on", async () => {
    const errors = new Inbox<unknown>("an error");
    const faults = { open: new Error("open"), sync: new Error("sync"), async: new Error("async") };
    const server = await servedEvents(
      {
        onOpen: () => Promise.reject(faults.open),
        onMessage: (event, ws) => {
          if (event.data === "sync") throw faults.sync;
          if (event.data === "async") return Promise.reject(faults.async);
          return ws.send(String(event.data));
        },
        onClose: async () => {
          await Promise.resolve();
          throw faults.sync;
        },
      },
      (error) => errors.push(error),
    );
    const peer = await server.ws("/ws");
    for (const message of ["sync", "async", "echo"]) peer.send(message);
    expect(await peer.next()).toBe("echo");
    await peer.close();
    for (const fault of [faults.open, faults.sync, faults.async, faults.sync]) {
      expect(await errors.next()).toBe(fault);
    }
  });

  it("are printed without onError, as is what onError itself throws", async () => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => printed.mockRestore());
    const fault = new Error("the callback's");
    const second = new Error("onError's");
    const app = new Hono();
    const events = { onOpen: () => Promise.reject(fault) };
    app.get(
      "/bare",
      upgradeWebSocket(() => events),
    );
    app.get(
      "/throwing",
      upgradeWebSocket(() => events, {
        onError: () => {
          throw second;
        },
      }),
    );
    const server = await served(app);
    await (await server.ws("/bare")).roundTrip();
    await (await server.ws("/throwing")).roundTrip();
    expect(printed.mock.calls).toEqual([[fault], [second]]);
  });

  it("of a close code that cannot be sent reach onError", async () => {
    const errors = new Inbox<unknown>("an error");
    const server = await servedEvents({ onMessage: (_event, ws) => ws.close(1006) }, (error) =>
      errors.push(error),
    );
    const peer = await server.ws("/ws");
    peer.send("close");
    expect(await errors.next()).toBeInstanceOf(RangeError);
  });
});

describe("the handshake", () => {
  it("is refused with what createEvents throws", async () => {
    const app = new Hono();
    app.get(
      "/ws",
      upgradeWebSocket(async () => {
        await Promise.resolve();
        throw new HTTPException(401, { message: "who are you?" });
      }),
    );
    const answer = await (await served(app)).refused("/ws");
    expect([answer.status, answer.body]).toEqual([401, "who are you?"]);
  });

  it("leaves ordinary requests to the next handler, without creating events", async () => {
    const createEvents = vi.fn<() => SocketEvents>(() => ({}));
    const app = new Hono();
    app.get("/ws", upgradeWebSocket(createEvents), (c) => c.text("a page"));
    const { port } = await served(app);
    expect(await (await fetch(`http://127.0.0.1:${port}/ws`)).text()).toBe("a page");
    expect(createEvents).not.toHaveBeenCalled();
  });

  it("inside a handler answers an ordinary request with 426", async () => {
    const app = new Hono();
    app.get("/ws", async (c) =>
      upgradeWebSocket(c, { onOpen: (_event, ws) => ws.send(c.req.path) }),
    );
    const server = await served(app);
    expect(await (await server.ws("/ws")).next()).toBe("/ws");
    expect((await fetch(`http://127.0.0.1:${server.port}/ws`)).status).toBe(426);
  });

  it("finds wrong options where the route is declared", () => {
    expect(() => upgradeWebSocket(() => ({}), { readLimit: 0 })).toThrow(/readLimit/u);
    expect(() => websocket({ readLimit: 0 }, () => {})).toThrow(/readLimit/u);
    // @ts-expect-error -- the callbacks themselves
    expect(() => upgradeWebSocket({ onMessage() {} })).toThrow(/createEvents must be a function/u);
  });
});
