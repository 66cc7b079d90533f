/** A connection with a browser's face: events, attributes, and the rules of the WHATWG standard. */
import {
  connAndRawPeer,
  connPair,
  deferred,
  hex,
  Inbox,
  watchForCrashes,
  within,
  type CrashWatch,
} from "@longwire/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runHandler } from "../../src/conn/run-handler.ts";
import { asWebSocket, type Conn, type ConnWebSocket } from "../../src/index.ts";
import { idle, tcpPair } from "./harness.ts";

let watch: CrashWatch;
beforeEach(() => {
  watch = watchForCrashes();
});
afterEach(() => watch.stop());

/** The data of every message; `next` awaits one. */
function inbox(socket: ConnWebSocket): Inbox<unknown> {
  const all = new Inbox<unknown>("a message event");
  socket.addEventListener("message", ({ data }) => all.push(data));
  return all;
}

/** What fires, by type and in order, until `close` has. */
function logOf(socket: ConnWebSocket): { log: string[]; closed: Promise<void> } {
  const log: string[] = [];
  const closed = deferred();
  socket.addEventListener("open", () => log.push("open"));
  socket.addEventListener("message", ({ data }) => log.push(`message ${data as string}`));
  socket.addEventListener("error", ({ message }) => log.push(`error ${message}`));
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    log.push(`close ${code} ${reason} ${wasClean}`);
    closed.resolve();
  });
  return { log, closed: within(closed.promise, "the event close") };
}

/** A handler's connection, as a route runs it. */
function serve(conn: Conn, handler: (conn: Conn) => unknown): unknown[] {
  const reported: unknown[] = [];
  runHandler(
    conn,
    () => handler(conn),
    (error) => reported.push(error),
  );
  return reported;
}

describe("asWebSocket for a library", () => {
  it("that speaks a subprotocol of JSON serves it, in the manner of graphql-ws", async () => {
    /** Knows sockets of the standard, and nothing else. */
    function opened(socket: Pick<WebSocket, "send" | "close" | "onmessage" | "onclose">): void {
      let acknowledged = false;
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(String(data)) as { type: string; id?: string };
        if (message.type === "connection_init") {
          acknowledged = true;
          socket.send(JSON.stringify({ type: "connection_ack" }));
        } else if (!acknowledged) socket.close(4401, "Unauthorized");
        else {
          for (const type of ["next", "complete"]) {
            socket.send(JSON.stringify({ type, id: message.id }));
          }
        }
      };
    }
    const { server, client } = connPair();
    const reported = serve(server, (conn) => opened(asWebSocket(conn)));
    await client.writeJSON({ type: "connection_init" });
    await client.writeJSON({ type: "subscribe", id: "1" });
    expect(await client.readJSON()).toEqual({ type: "connection_ack" });
    expect(await client.readJSON()).toEqual({ type: "next", id: "1" });
    expect(await client.readJSON()).toEqual({ type: "complete", id: "1" });
    await client.close();
    const other = connPair();
    serve(other.server, (conn) => opened(asWebSocket(conn)));
    await other.client.writeJSON({ type: "subscribe", id: "1" });
    expect(await other.client.closed).toMatchObject({ code: 4401, reason: "Unauthorized" });
    expect(reported).toEqual([]);
  });

  it("that syncs bytes begins when it has opened, in the manner of y-websocket", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(client);
    const states: string[] = [];
    const synced = deferred<number[]>();
    socket.binaryType = "arraybuffer";
    socket.onclose = () => states.push("disconnected");
    socket.onmessage = ({ data }) => synced.resolve([...new Uint8Array(data as ArrayBuffer)]);
    socket.onopen = () => {
      states.push("connected");
      socket.send(Uint8Array.of(0, 0, 1));
    };
    for await (const message of server) {
      expect([...message.data]).toEqual([0, 0, 1]);
      await server.writeMessage(2, Uint8Array.of(0, 1, 2));
      break;
    }
    expect(await within(synced.promise, "the answer")).toEqual([0, 1, 2]);
    const closed = new Promise((resolve) => {
      socket.addEventListener("close", resolve);
    });
    await server.close();
    await within(closed, "the event close");
    expect(states).toEqual(["connected", "disconnected"]);
  });

  it("gives the same face for the same connection, with the standard's numbers", () => {
    const { server } = connPair();
    const socket = asWebSocket(server);
    expect(asWebSocket(server)).toBe(socket);
    expect(socket).toBeInstanceOf(EventTarget);
    const { CONNECTING, OPEN, CLOSING, CLOSED } = socket;
    expect([CONNECTING, OPEN, CLOSING, CLOSED]).toEqual([0, 1, 2, 3]);
    expect(socket.readyState).toBe(OPEN);
    expect(socket).toMatchObject({ url: "", protocol: "", extensions: "", bufferedAmount: 0 });
  });
});

describe("events", () => {
  it("wait until somebody listens, and none is lost", async () => {
    const { server, client } = connPair({ server: { readQueueMessages: 4 } });
    const socket = asWebSocket(server);
    for (let n = 0; n < 50; n++) client.send(String(n));
    await idle(20);
    const all = inbox(socket);
    expect(all.all).toEqual([]); // not while listeners are being added
    for (let n = 0; n < 50; n++) expect(await all.next()).toBe(String(n));
  });

  it("begin with open, whatever was listened for first, and open fires once", async () => {
    const { server, client } = connPair();
    client.send("hello");
    await idle();
    const socket = asWebSocket(server);
    const log: string[] = [];
    socket.onmessage = () => log.push("message");
    socket.onopen = () => log.push("open");
    await idle(8);
    socket.addEventListener("open", () => log.push("open again"));
    await idle(8);
    expect(log).toEqual(["open", "message"]);
  });

  it("give open to whoever listens later than for messages, too", async () => {
    const { server } = connPair();
    const socket = asWebSocket(server);
    socket.onclose = () => {};
    await idle(8);
    const opened = deferred<string>();
    socket.onopen = ({ type }) => opened.resolve(type);
    expect(await within(opened.promise, "the event open")).toBe("open");
  });

  it("come one by one: between two, everything that the first set off has run", async () => {
    const { server, peer } = await tcpPair("server").then(({ conn, peer }) => ({
      server: conn,
      peer,
    }));
    const frames = Array.from({ length: 100 }, (_, n) => hex(`81 81 00 00 00 00 ${(n % 10) + 30}`));
    peer.send(Buffer.concat(frames)); // one read
    const socket = asWebSocket(server);
    let text = "";
    for (let n = 0; n < 100; n++) {
      const event = await within(
        new Promise<{ data: unknown }>((resolve) => {
          socket.addEventListener("message", resolve, { once: true });
        }),
        `message ${n}`,
      );
      await Promise.resolve().then(async () => {}); // a few microtasks more
      text += String(event.data);
    }
    expect(text).toBe("0123456789".repeat(10));
  });

  it("carry what the standard says", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    const event = deferred<MessageEvent>();
    socket.onmessage = (given) => event.resolve(given as MessageEvent);
    client.send("text");
    const message = await within(event.promise, "a message");
    expect(message).toBeInstanceOf(MessageEvent);
    expect(message).toMatchObject({ type: "message", data: "text", origin: "", lastEventId: "" });
    expect(message.target).toBe(socket);
    const end = deferred<Event>();
    socket.onclose = (given) => end.resolve(given);
    void client.close(4000, "done");
    const closeEvent = await within(end.promise, "the event close");
    const { CloseEvent = Event } = globalThis as { CloseEvent?: typeof Event };
    expect(closeEvent).toBeInstanceOf(CloseEvent);
    expect(closeEvent).toMatchObject({ type: "close", code: 4000, reason: "done", wasClean: true });
    expect(closeEvent.target).toBe(socket);
  });
});

describe("listeners", () => {
  async function calls(listen: (socket: ConnWebSocket, log: string[]) => void): Promise<string[]> {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    const log: string[] = [];
    listen(socket, log);
    const closed = new Promise((resolve) => {
      socket.addEventListener("close", resolve);
    });
    client.send("1");
    client.send("2");
    await client.close();
    await within(closed, "the event close");
    return log;
  }

  it("of an attribute keep their place when replaced, and lose it by null", async () => {
    const log = await calls((socket, log) => {
      socket.onmessage = () => log.push("replaced");
      socket.addEventListener("message", () => log.push("listener"));
      socket.onmessage = function (this: unknown) {
        log.push(this === socket ? "attribute" : "wrong this");
      };
    });
    expect(log).toEqual(["attribute", "listener", "attribute", "listener"]);
    const again = await calls((socket, log) => {
      socket.onmessage = () => log.push("first");
      socket.addEventListener("message", () => log.push("listener"));
      socket.onmessage = null;
      expect(socket.onmessage).toBeNull();
      const last = (): void => void log.push("last");
      socket.onmessage = last;
      expect(socket.onmessage).toBe(last);
    });
    expect(again).toEqual(["listener", "last", "listener", "last"]);
  });

  it("of an attribute can only be functions", () => {
    const socket = asWebSocket(connPair().server);
    for (const attribute of ["onopen", "onmessage", "onerror", "onclose"] as const) {
      expect(socket[attribute]).toBeNull();
      const handler = vi.fn<() => void>();
      socket[attribute] = handler;
      expect(socket[attribute]).toBe(handler);
      socket[attribute] = "no function" as never; // what JavaScript lets through
      expect(socket[attribute]).toBeNull();
    }
  });

  it("may be objects, once, ended by a signal, removed, and added twice to no effect", async () => {
    const log = await calls((socket, log) => {
      const twice = (): void => void log.push("twice");
      socket.addEventListener("message", twice);
      socket.addEventListener("message", twice);
      const object = {
        name: "object",
        handleEvent(): void {
          log.push(this.name);
        },
      };
      socket.addEventListener("message", object);
      socket.addEventListener("message", () => log.push("once"), { once: true });
      const controller = new AbortController();
      socket.addEventListener("message", () => controller.abort(), { signal: controller.signal });
      socket.addEventListener("message", () => log.push("until"), { signal: controller.signal });
      const removed = (): void => void log.push("removed");
      socket.addEventListener("message", removed);
      socket.removeEventListener("message", removed);
      socket.addEventListener("message", null);
      socket.removeEventListener("message", null);
    });
    expect(log).toEqual(["twice", "object", "once", "twice", "object"]);
  });

  it.each([
    [
      "throw",
      (error: Error): void => {
        throw error;
      },
    ],
    ["reject", (error: Error): Promise<void> => Promise.reject(error)],
  ])("that %s close with 1011 and are reported, once; the process lives", async (_how, fail) => {
    const { server, client } = connPair();
    const error = new Error("a bug of a listener");
    const reported = serve(server, (conn) => {
      asWebSocket(conn).addEventListener("message", () => fail(error));
    });
    client.send("1");
    expect(await client.closed).toMatchObject({ code: 1011 });
    expect(reported).toEqual([error]);
  });

  it("that fail while the connection closes are reported, too", async () => {
    const { server, client } = connPair();
    const error = new Error("a bug of a listener");
    const seen = deferred();
    const reported = serve(server, (conn) => {
      const socket = asWebSocket(conn);
      socket.onclose = () => {
        seen.resolve();
        throw error;
      };
    });
    await client.close();
    await within(seen.promise, "the event close");
    expect(reported).toEqual([error]);
  });

  it("for messages are refused while somebody else reads: it is reported", async () => {
    const { server, client } = connPair();
    const reported = serve(server, async (conn) => {
      const read = conn.readMessage();
      asWebSocket(conn).onmessage = () => {};
      await read;
    });
    expect(await client.closed).toMatchObject({ code: 1011 });
    expect(reported).toEqual([expect.any(TypeError)]);
  });
});

describe("data", () => {
  it("arrives as text, as a Blob, or as an ArrayBuffer of its own", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    const all = inbox(socket);
    client.send("é");
    expect(await all.next()).toBe("é");
    client.send(Uint8Array.of(1, 2));
    const blob = await all.next();
    expect(blob).toBeInstanceOf(Blob);
    expect([...new Uint8Array(await (blob as Blob).arrayBuffer())]).toEqual([1, 2]);
    socket.binaryType = "arraybuffer";
    for (const size of [0, 3, 70_000]) {
      client.send(new Uint8Array(size).fill(7));
      const buffer = (await all.next()) as ArrayBuffer;
      expect(buffer).toBeInstanceOf(ArrayBuffer);
      expect(buffer.byteLength).toBe(size);
      expect(new Uint8Array(buffer).every((byte) => byte === 7)).toBe(true);
    }
  });

  it("keeps its binaryType at what the standard knows", () => {
    const socket = asWebSocket(connPair().server);
    expect(socket.binaryType).toBe("blob");
    socket.binaryType = "arraybuffer";
    socket.binaryType = "nodebuffer" as "blob"; // what JavaScript lets through
    expect(socket.binaryType).toBe("arraybuffer");
  });

  it("goes out as text or bytes, whatever it is", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    const bytes = Uint8Array.of(0, 1, 2, 3);
    const shared = new SharedArrayBuffer(1);
    socket.send("text");
    socket.send(bytes);
    socket.send(bytes.subarray(1, 3));
    socket.send(new DataView(bytes.buffer, 3));
    socket.send(bytes.buffer);
    socket.send(shared);
    socket.send(5 as unknown as string); // as browsers do: what is no data is made a string
    socket.send(null as unknown as string);
    const seen: string[] = [];
    for (let n = 0; n < 8; n++) {
      const { type, data } = await client.readMessage();
      seen.push(type === 1 ? data.toString() : data.toString("hex"));
    }
    expect(seen).toEqual(["text", "00010203", "0102", "03", "00010203", "00", "5", "null"]);
  });

  it("may be changed as soon as send has returned", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    for (const size of [10, 16_384, 16_385, 300_000]) {
      const bytes = new Uint8Array(size).fill(1);
      socket.send(bytes);
      bytes.fill(2);
      const { data } = await client.readMessage();
      expect(data.length).toBe(size);
      expect(data.every((byte) => byte === 1)).toBe(true);
    }
  });

  it("behind a Blob is of the bytes as they were", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    const bytes = Uint8Array.of(1, 2, 3);
    socket.send(new Blob(["first"]));
    socket.send(bytes);
    bytes.fill(9);
    expect((await client.readMessage()).text()).toBe("first");
    expect([...(await client.readMessage()).data]).toEqual([1, 2, 3]);
    client.terminate();
  });

  it("of a Blob keeps its place, and counts at once", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    socket.send("1");
    socket.send(new Blob(["two"]));
    socket.send("3");
    socket.send(new Blob(["four", "4"]));
    socket.send(Uint8Array.of(5));
    expect(socket.bufferedAmount).toBeGreaterThanOrEqual(10);
    socket.close(4000, "behind them all");
    expect(socket.readyState).toBe(socket.CLOSING);
    const seen: unknown[] = [];
    await expect(
      client.forEach(({ type, data }) => {
        seen.push(type === 1 ? data.toString() : [...data].length);
      }),
    ).rejects.toMatchObject({ code: 4000 });
    expect(seen).toEqual(["1", 3, "3", 5, 1]);
  });

  it("that is sent too late counts, and goes nowhere", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    const { closed } = logOf(socket);
    socket.close();
    socket.send("12345");
    socket.send(Uint8Array.of(6, 7));
    socket.send(new Blob(["8"]));
    await expect(client.readMessage()).rejects.toMatchObject({ code: 1005 });
    await closed;
    socket.send("9");
    expect(socket.bufferedAmount).toBe(9);
  });
});

describe("close", () => {
  it.each([0, 999, 1001, 1005, 1006, 1011, 2999, 5000, Number.NaN])("refuses %s", (code) => {
    const socket = asWebSocket(connPair().server);
    const error = thrownBy(() => socket.close(code));
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toMatchObject({ name: "InvalidAccessError" });
    expect(socket.readyState).toBe(1);
  });

  it("refuses a reason of more than 123 bytes", () => {
    const socket = asWebSocket(connPair().server);
    const error = thrownBy(() => socket.close(1000, "é".repeat(62)));
    expect(error).toMatchObject({ name: "SyntaxError" });
    expect(socket.readyState).toBe(1);
    socket.close(1000, "é".repeat(61));
    expect(socket.readyState).toBe(2);
  });

  it.each([
    ["nothing", [], 1005, ""],
    ["a code", [3000], 3000, ""],
    ["a code and a reason", [4999, "why"], 4999, "why"],
    ["a reason", [undefined, "why"], 1000, "why"],
  ] as [string, [number?, string?], number, string][])(
    "with %s is what the peer sees",
    async (_what, given, code, reason) => {
      const { server, client } = connPair();
      asWebSocket(server).close(...given);
      expect(await client.closed).toEqual({ code, reason, wasClean: true });
    },
  );

  it("goes through CLOSING to CLOSED; a second one changes nothing, and no message comes any more", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    const { log, closed } = logOf(socket);
    client.send("in time");
    await idle(8);
    client.send("too late");
    socket.close(4000, "enough");
    socket.close(4001);
    expect(socket.readyState).toBe(2);
    await closed;
    expect(socket.readyState).toBe(3);
    socket.close(4002);
    expect(log).toEqual(["open", "message in time", "close 4000  true"]);
  });
});

describe("the end", () => {
  it("comes behind all messages that came before it", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    for (let n = 0; n < 3; n++) client.send(String(n));
    await client.close(4000, "bye");
    await idle();
    const { log, closed } = logOf(socket);
    await closed;
    const messages = ["message 0", "message 1", "message 2"];
    expect(log).toEqual(["open", ...messages, "close 4000 bye true"]);
    expect(socket.readyState).toBe(3);
  });

  it("is told where nobody wants messages", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    const closed = deferred<number>();
    socket.onclose = ({ code }) => closed.resolve(code);
    await client.close(1001);
    expect(await within(closed.promise, "the event close")).toBe(1001);
    socket.onmessage = () => {};
    expect(socket.readyState).toBe(3);
  });

  it("shows in readyState where nobody listens at all", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(server);
    await client.close();
    await within(server.closed, "the end");
    await idle();
    expect(socket.readyState).toBe(3);
  });

  it("of a lost connection is 1006, not clean", async () => {
    const { server, client } = connPair();
    const { log, closed } = logOf(asWebSocket(server));
    await idle();
    client.terminate();
    await closed;
    expect(log.at(-1)).toBe("close 1006  false");
  });

  it("by a fault of the peer is an error and then close", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const { log, closed } = logOf(asWebSocket(conn));
    peer.send(hex("81 01 61")); // not masked
    peer.end();
    await closed;
    expect(log).toEqual([
      "open",
      expect.stringMatching(/^error .*mask/u),
      expect.stringMatching(/^close 1002 .* false$/u),
    ]);
  });
});

describe("the lifetime of a connection", () => {
  it("reaches past its handler as long as there is a face, read or not", async () => {
    const { server, client } = connPair();
    const reported = serve(server, async (conn) => {
      await conn.readMessage();
      asWebSocket(conn).send("listening to nothing");
    });
    client.send("hello");
    await client.readMessage();
    await idle(8);
    expect(server.readyState).toBe(1);
    const all = inbox(asWebSocket(server));
    client.send("now");
    expect(await all.next()).toBe("now");
    await client.close();
    expect(await server.closed).toMatchObject({ code: 1000 });
    expect(reported).toEqual([]);
  });
});

function thrownBy(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error");
}
