/** Reading messages one at a time. */
import {
  connAndRawPeer,
  connPair,
  rawBinary,
  rawClose,
  rawFrame,
  rawPing,
  rawText,
} from "@longwire/testkit";
import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CloseError, DeadlineError, ProtocolError, type Conn } from "../../src/index.ts";
import { idle, rejectionOf, stateOf, tcpPair } from "./harness.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** Reads `count` messages as texts. */
async function texts(conn: Conn, count: number): Promise<string[]> {
  const read: string[] = [];
  while (read.length < count) read.push((await conn.readMessage()).text());
  return read;
}

describe("conn.readMessage()", () => {
  it("gives each message with its type, in order", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText("one"), rawBinary(Buffer.of(2)), rawText("")]));
    expect(await conn.readMessage()).toMatchObject({ type: 1, data: Buffer.from("one") });
    expect(await conn.readMessage()).toMatchObject({ type: 2, data: Buffer.of(2) });
    expect(await conn.readMessage()).toMatchObject({ type: 1, data: Buffer.alloc(0) });
  });

  it("loses nothing that came before anybody read, in the handshake's packet or later", async () => {
    const head = Buffer.concat([rawText("one"), rawText("two").subarray(0, 5)]);
    const { conn, peer } = connAndRawPeer("server", {}, head);
    peer.send(Buffer.concat([rawText("two").subarray(5), rawText("three")]));
    await idle();
    peer.send(rawText("four"));
    await idle();
    expect(await texts(conn, 4)).toEqual(["one", "two", "three", "four"]);
  });

  it("waits for a message to come", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const read = conn.readMessage();
    expect(await stateOf(read)).toBe("pending");
    peer.send(rawText("late"));
    expect((await read).text()).toBe("late");
  });

  it("gives a fragmented message whole, control frames between its fragments answered", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawFrame({ opcode: 1, fin: false, payload: "a" }));
    peer.send(rawPing("mid"));
    peer.send(rawFrame({ opcode: 0, payload: "b" }));
    expect((await conn.readMessage()).text()).toBe("ab");
    expect(await peer.readFrame()).toMatchObject({ opcode: 10, payload: Buffer.from("mid") });
  });

  it("gives payloads that belong to the reader: later messages do not touch them", async () => {
    const { conn, peer } = await tcpPair("server");
    peer.send(Buffer.concat([rawText("aaaa"), rawText("bbbb")]));
    const first = await conn.readMessage();
    first.data.fill(0x7a);
    expect((await conn.readMessage()).text()).toBe("bbbb");
    peer.send(rawText("cccc"));
    expect((await conn.readMessage()).text()).toBe("cccc");
    expect(first.data.toString()).toBe("zzzz");
    conn.terminate();
  });

  it("reads more messages than the queue holds, the socket pausing meanwhile", async () => {
    const { server, client } = connPair({ server: { readQueueMessages: 3, readQueueBytes: 500 } });
    const sent = Array.from({ length: 200 }, (_, at) => `message ${at}`);
    for (const text of sent) void client.writeMessage(1, text);
    await idle();
    expect(await texts(server, 200)).toEqual(sent);
  });

  it("gives 5,000 messages of one chunk in turns, and none twice", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat(Array.from({ length: 5000 }, (_, at) => rawText(String(at)))));
    expect(await texts(conn, 5000)).toEqual(Array.from({ length: 5000 }, (_, at) => String(at)));
  });
});

describe("one reader at a time", () => {
  const reads: ReadonlyArray<readonly [string, (conn: Conn) => Promise<unknown>]> = [
    ["readMessage", (conn) => conn.readMessage()],
    ["readJSON", (conn) => conn.readJSON()],
    ["nextReader", (conn) => conn.nextReader()],
    ["iteration", (conn) => conn[Symbol.asyncIterator]().next()],
    ["forEach", (conn) => conn.forEach(() => {})],
  ];
  const pairs = reads.flatMap(([first, begin]) =>
    reads.map(([second, again]) => [first, second, begin, again] as const),
  );

  it.each(pairs)(
    "while %s waits, %s is a TypeError and harms nothing",
    async (first, _second, begin, again) => {
      const { conn, peer } = connAndRawPeer("server");
      const waiting = begin(conn);
      const error = await rejectionOf(again(conn));
      expect(error).toBeInstanceOf(TypeError);
      expect(await stateOf(waiting)).toBe("pending");
      peer.send(rawText("1"));
      await idle();
      expect(await stateOf(waiting)).toBe(first === "forEach" ? "pending" : "fulfilled");
      conn.terminate();
    },
  );

  it("a read may follow as soon as the one before has its message", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const first = conn.readMessage();
    peer.send(Buffer.concat([rawText("one"), rawText("two")]));
    await first;
    expect((await conn.readMessage()).text()).toBe("two");
  });
});

describe("soft timeout", () => {
  it("rejects with WS_TIMEOUT and leaves the connection as it was", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const error = await rejectionOf(conn.readMessage({ timeout: 1 }));
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ code: "WS_TIMEOUT" });
    expect(conn.readyState).toBe(1);
    peer.send(rawText("later"));
    expect((await conn.readMessage({ timeout: 5000 })).text()).toBe("later");
  });

  it("loses no message that comes between two reads", async () => {
    const { conn, peer } = connAndRawPeer("server");
    await rejectionOf(conn.readMessage({ timeout: 1 }));
    peer.send(rawText("between"));
    await idle();
    expect((await conn.readMessage()).text()).toBe("between");
  });

  it("keeps half a message for the next read", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawFrame({ opcode: 1, fin: false, payload: "half" }));
    await rejectionOf(conn.readMessage({ timeout: 1 }));
    peer.send(rawFrame({ opcode: 0, payload: " whole" }));
    expect((await conn.readMessage()).text()).toBe("half whole");
  });

  it("leaves no timer behind when the message comes in time", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    const read = conn.readMessage({ timeout: 1000 });
    expect(vi.getTimerCount()).toBe(1);
    peer.stream.write(rawText("in time"));
    await read;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("may be longer than a timer can wait for", async () => {
    const { conn, peer } = connAndRawPeer("server");
    for (const timeout of [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER, Infinity]) {
      const read = conn.readMessage({ timeout });
      await idle();
      peer.send(rawText("there"));
      expect((await read).text()).toBe("there");
    }
  });

  it.each([
    [-1, RangeError],
    [Number.NaN, RangeError],
    ["5", TypeError],
  ])("refuses %o", async (timeout, kind) => {
    const { conn } = connAndRawPeer("server");
    // JavaScript callers can give anything.
    const error = await rejectionOf(conn.readMessage({ timeout: timeout as number }));
    expect(error).toBeInstanceOf(kind);
    expect(conn.readyState).toBe(1);
  });
});

describe("AbortSignal", () => {
  it("rejects with the signal's reason and leaves the connection usable", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const read = conn.readMessage({ signal: controller.signal });
    controller.abort(reason);
    expect(await rejectionOf(read)).toBe(reason);
    peer.send(rawText("next"));
    expect((await conn.readMessage()).text()).toBe("next");
  });

  it("rejects at once when it is aborted already, and takes no message", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawText("kept"));
    await idle();
    const signal = AbortSignal.abort("too late");
    expect(await rejectionOf(conn.readMessage({ signal }))).toBe("too late");
    expect(await rejectionOf(conn.nextReader({ signal }))).toBe("too late");
    expect((await conn.readMessage()).text()).toBe("kept");
  });

  it("leaves no listener behind", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const controller = new AbortController();
    for (let count = 0; count < 3; count++) {
      const read = conn.readMessage({ signal: controller.signal, timeout: 10_000 });
      peer.send(rawText("x"));
      await read;
    }
    await rejectionOf(conn.readMessage({ signal: controller.signal, timeout: 1 }));
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    controller.abort();
    expect(conn.readyState).toBe(1);
  });
});

describe("the end", () => {
  it.each([
    [1000, "done"],
    [1001, ""],
    [1011, "failed"],
    [4321, "mine"],
  ])("is a CloseError with the peer's %i and reason", async (code, reason) => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawClose(code, reason));
    const error = await rejectionOf(conn.readMessage());
    expect(error).toBeInstanceOf(CloseError);
    expect(error).toMatchObject({ code, reason, wasClean: true });
  });

  it("is 1005 when the close frame has no code", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawClose());
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 1005, wasClean: true });
  });

  it("is 1006 when TCP ends without a close frame", async () => {
    const { conn, peer } = await tcpPair("server");
    const read = conn.readMessage();
    peer.end();
    expect(await rejectionOf(read)).toMatchObject({ code: 1006, reason: "", wasClean: false });
  });

  it("is 1006 with the socket's error as its cause after a reset", async () => {
    const { conn, peer } = await tcpPair("server");
    const read = conn.readMessage();
    peer.reset();
    expect(await rejectionOf(read)).toMatchObject({
      code: 1006,
      wasClean: false,
      cause: expect.objectContaining({ code: "ECONNRESET" }),
    });
  });

  it("is the same error for every later read of any kind", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawClose(1000));
    const error = await rejectionOf(conn.readMessage());
    for (let count = 0; count < 3; count++)
      expect(await rejectionOf(conn.readMessage())).toBe(error);
    expect(await rejectionOf(conn.nextReader())).toBe(error);
    expect(await rejectionOf(conn.readJSON())).toBe(error);
    expect(conn.signal.reason).toBe(error);
  });

  it("comes behind the messages that wait", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText("one"), rawText("two"), rawClose(1000)]));
    await idle();
    expect(await texts(conn, 2)).toEqual(["one", "two"]);
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 1000 });
  });

  it("comes behind messages that were too many for the queue", async () => {
    const { conn, peer } = connAndRawPeer("server", { readQueueMessages: 2 });
    const sent = Array.from({ length: 50 }, (_, at) => String(at));
    peer.send(Buffer.concat([...sent.map(rawText), rawClose(1000, "all")]));
    await idle();
    expect(await texts(conn, 50)).toEqual(sent);
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 1000, reason: "all" });
  });

  it("is a ProtocolError when the peer broke a rule, behind the messages before it", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText("good"), rawFrame({ opcode: 3 })]));
    expect(await texts(conn, 1)).toEqual(["good"]);
    const error = await rejectionOf(conn.readMessage());
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code: "WS_OPCODE_UNKNOWN", closeCode: 1002 });
    expect(await rejectionOf(conn.readMessage())).toBe(error);
  });

  it("can be asked for more often than gorilla's thousand times", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawClose(1000));
    for (let count = 0; count < 2000; count++) await conn.readMessage().catch(() => {});
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 1000 });
  });
});

describe("conn.readJSON()", () => {
  it("parses text and binary messages", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText('{"a":[1]}'), rawBinary(Buffer.from("null"))]));
    expect(await conn.readJSON()).toEqual({ a: [1] });
    expect(await conn.readJSON()).toBeNull();
  });

  it("leaves the connection usable after a message that is not JSON", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText("{"), rawText("1")]));
    expect(await rejectionOf(conn.readJSON())).toMatchObject({ code: "WS_JSON_INVALID" });
    expect(await conn.readJSON()).toBe(1);
  });
});

describe("read deadline", () => {
  it("fails a waiting read, and every later one with the same error", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn } = connAndRawPeer("server", { heartbeat: false });
    conn.setReadDeadline(Date.now() + 1000);
    const read = conn.readMessage();
    await vi.advanceTimersByTimeAsync(999);
    expect(await stateOf(read)).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    const error = await rejectionOf(read);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ code: "WS_READ_DEADLINE" });
    conn.setReadDeadline(null);
    expect(await rejectionOf(conn.readMessage())).toBe(error);
    expect(await rejectionOf(conn.nextReader())).toBe(error);
  });

  it("takes a Date, and can be moved and cleared before it passes", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    const read = conn.readMessage();
    conn.setReadDeadline(new Date(Date.now() + 100));
    conn.setReadDeadline(new Date(Date.now() + 1000));
    await vi.advanceTimersByTimeAsync(500);
    conn.setReadDeadline(null);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(vi.getTimerCount()).toBe(0);
    peer.stream.write(rawText("in time"));
    expect((await read).text()).toBe("in time");
  });

  it("waits for longer than a timer can", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn } = connAndRawPeer("server", { heartbeat: false });
    const days = 40 * 86_400_000;
    conn.setReadDeadline(Date.now() + days);
    const read = conn.readMessage();
    await vi.advanceTimersByTimeAsync(days - 1);
    expect(await stateOf(read)).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    expect(await rejectionOf(read)).toMatchObject({ code: "WS_READ_DEADLINE" });
  });

  it("fails a read that begins after it, at once", async () => {
    const { conn } = connAndRawPeer("server");
    conn.setReadDeadline(Date.now() - 1);
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: "WS_READ_DEADLINE" });
  });

  it("passes unnoticed while nobody reads, and counts only behind the messages that wait", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText("one"), rawText("two")]));
    await idle();
    conn.setReadDeadline(Date.now() - 1);
    expect(await texts(conn, 2)).toEqual(["one", "two"]);
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: "WS_READ_DEADLINE" });
  });

  it("can be set anew as long as no read has failed by it", async () => {
    const { conn, peer } = connAndRawPeer("server");
    conn.setReadDeadline(Date.now() - 1);
    await idle();
    conn.setReadDeadline(Date.now() + 60_000);
    peer.send(rawText("fine"));
    expect((await conn.readMessage()).text()).toBe("fine");
  });

  it("leaves the connection able to write and to close", async () => {
    const { conn, peer } = connAndRawPeer("server");
    conn.setReadDeadline(Date.now() - 1);
    await rejectionOf(conn.readMessage());
    await conn.writeMessage(1, "still here");
    expect((await peer.readFrame()).payload.toString()).toBe("still here");
    peer.send(Buffer.concat([rawText("dropped"), rawPing("p"), rawClose(4000, "bye")]));
    expect(await peer.readFrame()).toMatchObject({ opcode: 10 });
    expect(await peer.readClose()).toMatchObject({ code: 4000 });
    expect(await conn.closed).toMatchObject({ code: 4000, reason: "bye", wasClean: true });
  });

  it("gives an iterator what has been received, then fails, and frames stay in step", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false, readQueueMessages: 2 });
    const iterator = conn[Symbol.asyncIterator]();
    const frames = Array.from({ length: 10 }, (_, at) => rawText(String(at)));
    // The chunk ends inside a frame, and all but two messages of it wait unparsed.
    const bytes = Buffer.concat([...frames, rawClose(4000)]);
    peer.stream.write(bytes.subarray(0, bytes.length - 3));
    await idle();
    conn.setReadDeadline(Date.now() + 1000);
    const read = [(await iterator.next()).value?.text()];
    await vi.advanceTimersByTimeAsync(1000);
    const error = await (async () => {
      for (;;) read.push((await iterator.next()).value?.text());
    })().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "WS_READ_DEADLINE" });
    expect(read.slice(0, 2)).toEqual(["0", "1"]);
    peer.stream.write(bytes.subarray(bytes.length - 3));
    expect((await peer.readClose()).code).toBe(4000);
  });

  it.each([Number.NaN, new Date("no date")])("refuses %o", (at) => {
    const { conn } = connAndRawPeer("server");
    expect(() => conn.setReadDeadline(at)).toThrow(RangeError);
  });
});

describe("conn.setReadLimit()", () => {
  it("holds from the next frame on", async () => {
    const { conn, peer } = connAndRawPeer("server");
    conn.setReadLimit(3);
    peer.send(Buffer.concat([rawText("abc"), rawText("abcd")]));
    expect(await texts(conn, 1)).toEqual(["abc"]);
    expect(await rejectionOf(conn.readMessage())).toMatchObject({
      code: "WS_READ_LIMIT",
      closeCode: 1009,
    });
    expect((await peer.readClose()).code).toBe(1009);
  });

  it.each([0, -1, 1.5, Number.NaN, undefined])("refuses %o", (bytes) => {
    const { conn } = connAndRawPeer("server");
    // JavaScript callers can give anything.
    expect(() => conn.setReadLimit(bytes as number)).toThrow(/readLimit must be/u);
  });
});
