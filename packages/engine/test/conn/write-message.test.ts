/** Writing messages: types, order, what the promises mean, withdrawing, deadlines. */
import { connAndRawPeer, connPair, rawClose, rawText, within } from "@longwire/testkit";
import { getEventListeners } from "node:events";
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connInside } from "../../src/conn/conn.ts";
import { DeadlineError, PreparedMessage, WebSocketError, type Conn } from "../../src/index.ts";
import { idle, rejectionOf, stateOf, tcpPair } from "./harness.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const LARGE = 20_000; // goes by reference

/** A connection whose peer does not read, with so much in flight that everything else has to wait. */
async function blockedConn(options: Parameters<typeof connAndRawPeer>[1] = {}) {
  const { conn, peer } = connAndRawPeer("server", { heartbeat: false, ...options });
  peer.stopReading();
  conn.send(Buffer.alloc(200_000));
  await idle();
  expect(conn.bufferedAmount).toBeGreaterThan(100_000);
  return { conn, peer };
}

describe("conn.writeMessage()", () => {
  it.each<readonly [string, 1 | 2, Parameters<Conn["writeMessage"]>[1], string]>([
    ["a string as text", 1, "héllo", "68c3a96c6c6f"],
    ["a string as binary", 2, "hé", "68c3a9"],
    ["UTF-8 bytes as text", 1, Buffer.from("é"), "c3a9"],
    ["an empty string", 1, "", ""],
    ["a Uint8Array", 2, Uint8Array.of(1, 2), "0102"],
    ["a view inside its memory", 2, new Uint8Array(Uint8Array.of(9, 1, 9).buffer, 1, 1), "01"],
    ["a Float64Array by its bytes", 2, Float64Array.of(1), "000000000000f03f"],
    ["a DataView", 2, new DataView(Uint8Array.of(1, 2, 3).buffer, 1), "0203"],
    ["an ArrayBuffer", 2, Uint8Array.of(4, 5).buffer, "0405"],
    ["shared memory", 2, new SharedArrayBuffer(2), "0000"],
  ])("sends %s", async (_title, type, data, expected) => {
    const { conn, peer } = connAndRawPeer("server");
    await conn.writeMessage(type, data);
    const frame = await peer.readFrame();
    expect([frame.opcode, frame.payload.toString("hex")]).toEqual([type, expected]);
  });

  it.each<readonly [string, unknown, unknown]>([
    ["a number, which must not become memory", 2, 16],
    ["no payload", 2, undefined],
    ["null", 2, null],
    ["an array", 2, [1, 2, 3]],
    ["an object with a length", 2, { length: 5 }],
    ["a Blob", 2, new Blob(["x"])],
    ["text bytes that are not UTF-8", 1, Uint8Array.of(0xc3)],
    ["type 0", 0, "x"],
    ["type 3", 3, "x"],
    ["type close", 8, "x"],
    ["type ping", 9, "x"],
    ["type as a string", "text", "x"],
  ])("refuses %s with a TypeError and sends nothing", async (_title, type, data) => {
    const { conn, peer } = connAndRawPeer("server");
    // JavaScript callers can give anything.
    expect(await rejectionOf(conn.writeMessage(type as 1, data as string))).toBeInstanceOf(
      TypeError,
    );
    await conn.writeMessage(1, "next");
    expect((await peer.readFrame()).payload.toString()).toBe("next");
  });

  it("sends each message of many concurrent writers whole and in call order", async () => {
    const { server, client } = connPair();
    const sent: string[] = [];
    const writers = Array.from({ length: 40 }, async (_, writer) => {
      for (let round = 0; round < 8; round++) {
        const text = `${writer}.${round} ${"x".repeat((writer * 797 + round * 131) % 40_000)}`;
        sent.push(text);
        if (round % 3 === 0) server.send(text);
        else await server.writeMessage(1, round % 2 === 0 ? text : Buffer.from(text));
      }
    });
    const received: string[] = [];
    const reading = (async () => {
      while (received.length < 320) received.push((await client.readMessage()).text());
    })();
    await Promise.all(writers);
    await reading;
    expect(received).toEqual(sent);
  });

  it("resolves at once below the water mark, and above it when there is room again", async () => {
    const { conn, peer } = await blockedConn();
    const waiting = conn.writeMessage(1, "x");
    expect(await stateOf(waiting)).toBe("pending");
    peer.resumeReading();
    await within(waiting, "room");
    expect(conn.bufferedAmount).toBeLessThan(65_536);
    expect(await stateOf(conn.writeMessage(1, "y"))).toBe("fulfilled");
  });

  it("copies short payloads: the caller may change them at once", async () => {
    const { conn, peer } = await blockedConn();
    const bytes = Buffer.from("as it was");
    void conn.writeMessage(2, bytes);
    conn.send(bytes);
    bytes.fill(0);
    peer.resumeReading();
    await peer.readFrame();
    expect((await peer.readFrame()).payload.toString()).toBe("as it was");
    expect((await peer.readFrame()).payload.toString()).toBe("as it was");
  });

  it("resolves for a long payload when its bytes are written, not before", async () => {
    const { conn, peer } = await blockedConn({ writeWaterMark: Infinity });
    const bytes = Buffer.alloc(LARGE, 1);
    const written = conn.writeMessage(2, bytes);
    expect(await stateOf(written)).toBe("pending");
    peer.resumeReading();
    await written;
    bytes.fill(2);
    await peer.readFrame();
    expect((await peer.readFrame()).payload.every((byte) => byte === 1)).toBe(true);
  });

  it("rejects for a long payload that a reset kept from being written", async () => {
    const { conn, peer } = await tcpPair("server");
    peer.stopReading();
    const written = conn.writeMessage(2, Buffer.alloc(30_000_000));
    expect(await stateOf(written)).toBe("pending");
    peer.reset();
    expect(await rejectionOf(written)).toMatchObject({ code: "WS_CLOSED" });
    expect(await conn.closed).toMatchObject({ code: 1006 });
  });

  it("never changes the caller's memory, not even a client that masks", async () => {
    for (const role of ["server", "client"] as const) {
      for (const size of [10, 1000, LARGE]) {
        const { conn, peer } = connAndRawPeer(role);
        const bytes = Buffer.alloc(size, 0x5a);
        await conn.writeMessage(2, bytes);
        expect((await peer.readFrame()).payload.equals(bytes)).toBe(true);
        expect(bytes.every((byte) => byte === 0x5a)).toBe(true);
      }
    }
  });

  it("a loop of sends is two writes, however long", async () => {
    const { conn, peer } = await tcpPair("server");
    const write = vi.spyOn(connInside(conn).transport, "write");
    for (let count = 0; count < 1000; count++) conn.send("x");
    await idle();
    expect(write).toHaveBeenCalledTimes(2);
    for (let count = 0; count < 1000; count++) await peer.readFrame();
    conn.terminate();
  });

  it("answers to the messages of one chunk are one write", async () => {
    const { conn, peer } = await tcpPair("server");
    void conn.forEach((message) => void conn.writeMessage(1, message.text()));
    const write = vi.spyOn(connInside(conn).transport, "write");
    peer.send(Buffer.concat(Array.from({ length: 200 }, (_, at) => rawText(String(at)))));
    for (let at = 0; at < 200; at++)
      expect((await peer.readFrame()).payload.toString()).toBe(String(at));
    expect(write).toHaveBeenCalled();
    expect(write.mock.calls.length).toBeLessThanOrEqual(2);
    conn.terminate();
  });

  it("answers of an await loop leave together too", async () => {
    const { conn, peer } = await tcpPair("server");
    void (async () => {
      for await (const message of conn) await conn.writeMessage(1, message.data);
    })();
    const write = vi.spyOn(connInside(conn).transport, "write");
    peer.send(Buffer.concat(Array.from({ length: 200 }, (_, at) => rawText(String(at)))));
    for (let at = 0; at < 200; at++)
      expect((await peer.readFrame()).payload.toString()).toBe(String(at));
    expect(write).toHaveBeenCalled();
    expect(write.mock.calls.length).toBeLessThanOrEqual(3);
    conn.terminate();
  });
});

describe("conn.send()", () => {
  it("is text for a string and binary for bytes", async () => {
    const { conn, peer } = connAndRawPeer("server");
    expect([conn.send("a"), conn.send(Buffer.from("b"))]).toEqual([true, true]);
    expect((await peer.readFrame()).opcode).toBe(1);
    expect((await peer.readFrame()).opcode).toBe(2);
  });

  it("is false from the water mark on, and the message is sent all the same", async () => {
    const { conn, peer } = connAndRawPeer("server", { writeWaterMark: 100 });
    peer.stopReading();
    expect(conn.send("x".repeat(97))).toBe(true);
    expect(conn.send("y")).toBe(false);
    peer.resumeReading();
    expect((await peer.readFrame()).payload.length).toBe(97);
    expect((await peer.readFrame()).payload.length).toBe(1);
  });

  it("is false and drops when the connection is closing, closed or terminated", async () => {
    const closing = connAndRawPeer("server");
    void closing.conn.close();
    expect(closing.conn.send("x")).toBe(false);
    expect((await closing.peer.readFrame()).opcode).toBe(8);

    const terminated = connAndRawPeer("server").conn;
    terminated.terminate();
    expect(terminated.send("x")).toBe(false);
    await terminated.closed;
    expect(terminated.send("x")).toBe(false);
  });

  it("throws for what is no payload, as misuse", () => {
    const { conn } = connAndRawPeer("server");
    // JavaScript callers can give anything.
    for (const data of [1, undefined, null, {}]) {
      expect(() => conn.send(data as string)).toThrow(TypeError);
    }
  });
});

describe("conn.writeJSON()", () => {
  it("sends JSON as text", async () => {
    const { conn, peer } = connAndRawPeer("server");
    await conn.writeJSON({ a: [1, null], b: "é" });
    const frame = await peer.readFrame();
    expect([frame.opcode, frame.payload.toString()]).toEqual([1, '{"a":[1,null],"b":"é"}']);
  });

  it.each([[undefined], [() => {}], [Symbol("s")], [1n], [{ toJSON: () => undefined }]])(
    "refuses %o, which JSON can't express, and sends nothing",
    async (value) => {
      const log = vi.spyOn(console, "error").mockImplementation(() => {});
      const { conn, peer } = connAndRawPeer("server");
      expect(await rejectionOf(conn.writeJSON(value))).toBeInstanceOf(TypeError);
      await conn.writeJSON(1);
      expect((await peer.readFrame()).payload.toString()).toBe("1");
      expect(log).toHaveBeenCalledTimes(1);
    },
  );
});

describe("bufferedAmount and drained()", () => {
  it("counts what waits anywhere, and falls to nothing", async () => {
    const { conn, peer } = connAndRawPeer("server");
    expect(conn.bufferedAmount).toBe(0);
    peer.stopReading();
    conn.send(Buffer.alloc(100_000));
    await idle();
    const before = conn.bufferedAmount;
    conn.send("x".repeat(1000));
    expect(conn.bufferedAmount).toBeGreaterThanOrEqual(before + 1000);
    peer.resumeReading();
    await conn.drained();
    await idle(10);
    expect(conn.bufferedAmount).toBe(0);
  });

  it("drained() resolves at once below the water mark", async () => {
    const { conn } = connAndRawPeer("server");
    expect(await stateOf(conn.drained())).toBe("fulfilled");
  });

  it("drained() can time out and be aborted, softly", async () => {
    const { conn, peer } = await blockedConn();
    expect(await rejectionOf(conn.drained({ timeout: 1 }))).toMatchObject({ code: "WS_TIMEOUT" });
    const controller = new AbortController();
    const drained = conn.drained({ signal: controller.signal });
    controller.abort("enough");
    expect(await rejectionOf(drained)).toBe("enough");
    expect(conn.readyState).toBe(1);
    peer.resumeReading();
    await conn.drained();
  });

  it("drained() rejects when the connection ends first", async () => {
    const { conn } = await blockedConn();
    const drained = conn.drained();
    conn.terminate();
    expect(await rejectionOf(drained)).toMatchObject({ code: "WS_CLOSED" });
    expect(await rejectionOf(conn.drained())).toMatchObject({ code: "WS_CLOSED" });
  });
});

describe("maxBufferedAmount", () => {
  it("ends the connection with 1013 and drops what waits", async () => {
    const { conn, peer } = await blockedConn({ maxBufferedAmount: 300_000 });
    const waiting = conn.writeMessage(2, Buffer.alloc(90_000));
    const error = await rejectionOf(conn.writeMessage(2, Buffer.alloc(90_000)));
    expect(error).toBeInstanceOf(WebSocketError);
    expect(error).toMatchObject({ code: "WS_BUFFER_LIMIT" });
    expect(await rejectionOf(waiting)).toBe(error);
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 1013 });
    expect(await conn.closed).toMatchObject({ code: 1013, wasClean: false });
    expect(conn.send("x")).toBe(false);
    peer.resumeReading();
    expect(await peer.ended()).toBe("fin");
  });

  it("makes send() false when it drops", async () => {
    const { conn } = await blockedConn({ maxBufferedAmount: 300_000 });
    expect(conn.send(Buffer.alloc(90_000))).toBe(false);
    expect(conn.readyState).toBe(1);
    expect(conn.send(Buffer.alloc(90_000))).toBe(false);
    expect(await conn.closed).toMatchObject({ code: 1013 });
  });

  it("counts text by its bytes", async () => {
    const { conn } = await blockedConn({ maxBufferedAmount: 300_000 });
    const room = 300_000 - conn.bufferedAmount;
    conn.send("é".repeat(Math.floor(room / 2)));
    expect(conn.readyState).toBe(1);
    conn.send("é");
    expect(await conn.closed).toMatchObject({ code: 1013 });
  });

  it("lets one message of any size into an empty queue", async () => {
    const { conn, peer } = connAndRawPeer("server", { maxBufferedAmount: 10 });
    await conn.writeMessage(2, Buffer.alloc(100_000));
    expect((await peer.readFrame()).payload.length).toBe(100_000);
    await conn.writeMessage(1, "y".repeat(5000));
    expect((await peer.readFrame()).payload.length).toBe(5000);
  });
});

describe("withdrawing a write by its signal", () => {
  it("takes a message back that has not started, and only that one", async () => {
    const { conn, peer } = await blockedConn();
    const controller = new AbortController();
    const reason = new Error("not needed");
    void conn.writeMessage(1, "first");
    const withdrawn = conn.writeMessage(1, "second", { signal: controller.signal });
    const long = conn.writeMessage(2, Buffer.alloc(LARGE), { signal: controller.signal });
    void conn.writeMessage(1, "third");
    const before = conn.bufferedAmount;
    controller.abort(reason);
    expect(await rejectionOf(withdrawn)).toBe(reason);
    expect(await rejectionOf(long)).toBe(reason);
    expect(conn.bufferedAmount).toBe(before - LARGE - "second".length);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    peer.resumeReading();
    await peer.readFrame();
    expect((await peer.readFrame()).payload.toString()).toBe("first");
    expect((await peer.readFrame()).payload.toString()).toBe("third");
  });

  it("ends the wait for a message that is under way, which still arrives whole", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.stopReading();
    const controller = new AbortController();
    const written = conn.writeMessage(2, Buffer.alloc(200_000, 7), { signal: controller.signal });
    await idle();
    controller.abort("late");
    expect(await rejectionOf(written)).toBe("late");
    peer.resumeReading();
    const { payload } = await peer.readFrame();
    expect([payload.length, payload.every((byte) => byte === 7)]).toEqual([200_000, true]);
    expect(conn.readyState).toBe(1);
  });

  it("sends nothing when the signal is aborted already", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const signal = AbortSignal.abort("no");
    expect(await rejectionOf(conn.writeMessage(1, "x", { signal }))).toBe("no");
    expect(await rejectionOf(conn.nextWriter(1, { signal }))).toBe("no");
    await conn.writeMessage(1, "y");
    expect((await peer.readFrame()).payload.toString()).toBe("y");
  });
});

describe("write deadline", () => {
  it("fails every write that waits, ends the connection, and is sticky", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn } = await blockedConn();
    conn.setWriteDeadline(Date.now() + 1000);
    const waiting = [
      conn.writeMessage(1, "x"),
      conn.writeMessage(2, Buffer.alloc(LARGE)),
      conn.drained(),
    ];
    await vi.advanceTimersByTimeAsync(999);
    for (const wait of waiting) expect(await stateOf(wait)).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    const [error, ...others] = await Promise.all(waiting.map(rejectionOf));
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ code: "WS_WRITE_DEADLINE" });
    for (const other of others) expect(other).toBe(error);
    conn.setWriteDeadline(null);
    expect(await rejectionOf(conn.writeMessage(1, "y"))).toBe(error);
    expect(conn.send("z")).toBe(false);
    const end = await rejectionOf(conn.readMessage());
    expect(end).toMatchObject({ code: 1006, cause: error });
    vi.useRealTimers();
    expect(await conn.closed).toMatchObject({ code: 1006 });
  });

  it("fails a write that begins after it", async () => {
    const { conn } = connAndRawPeer("server");
    conn.setWriteDeadline(Date.now() - 1);
    expect(await rejectionOf(conn.writeMessage(1, "x"))).toMatchObject({
      code: "WS_WRITE_DEADLINE",
    });
  });

  it("passes unnoticed while nothing waits to be written, and can then be moved", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    conn.setWriteDeadline(Date.now() + 1000);
    await vi.advanceTimersByTimeAsync(2000);
    conn.setWriteDeadline(new Date(Date.now() + 1000));
    await conn.writeMessage(1, "fine");
    vi.useRealTimers();
    expect((await peer.readFrame()).payload.toString()).toBe("fine");
  });

  it("fails a writer that waits for its turn", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn } = connAndRawPeer("server", { heartbeat: false });
    await conn.nextWriter(1);
    const second = conn.nextWriter(1);
    conn.setWriteDeadline(Date.now() + 1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await rejectionOf(second)).toMatchObject({ code: "WS_WRITE_DEADLINE" });
  });
});

describe("writing to a connection that has ended", () => {
  const writes: ReadonlyArray<readonly [string, (conn: Conn) => Promise<unknown>]> = [
    ["writeMessage", (conn) => conn.writeMessage(1, "x")],
    ["a long writeMessage", (conn) => conn.writeMessage(2, Buffer.alloc(LARGE))],
    ["writeJSON", (conn) => conn.writeJSON(1)],
    ["writePreparedMessage", (conn) => conn.writePreparedMessage(new PreparedMessage(1, "x"))],
    ["writeControl", (conn) => conn.writeControl(9, "x")],
    ["nextWriter", (conn) => conn.nextWriter(1)],
    ["ping", (conn) => conn.ping()],
    ["drained", (conn) => conn.drained()],
  ];

  it.each(writes)("%s rejects with WS_CLOSE_SENT behind our close frame", async (_how, write) => {
    const { conn, peer } = connAndRawPeer("server");
    void conn.close();
    expect(await rejectionOf(write(conn))).toMatchObject({ code: "WS_CLOSE_SENT" });
    expect((await peer.readFrame()).opcode).toBe(8);
    peer.send(rawClose(1000));
    expect((await peer.readToEnd()).length).toBe(0);
  });

  it.each(writes)(
    "%s rejects with WS_CLOSE_SENT behind the answer to the peer's",
    async (_how, write) => {
      const { conn, peer } = connAndRawPeer("server");
      peer.send(rawClose(1000));
      await conn.closed;
      expect(await rejectionOf(write(conn))).toMatchObject({ code: "WS_CLOSE_SENT" });
    },
  );

  it.each(writes)("%s rejects with WS_CLOSED right behind terminate()", async (_how, write) => {
    const { conn } = connAndRawPeer("server");
    conn.terminate();
    expect(await rejectionOf(write(conn))).toMatchObject({ code: "WS_CLOSED" });
    await conn.closed;
    expect(await rejectionOf(write(conn))).toMatchObject({ code: "WS_CLOSED" });
  });

  it.each(writes)("%s rejects with WS_CLOSED when the peer has ended TCP", async (_how, write) => {
    const { conn, peer } = await tcpPair("server");
    peer.end();
    await rejectionOf(conn.readMessage());
    expect(await rejectionOf(write(conn))).toMatchObject({ code: "WS_CLOSED" });
    await conn.closed;
  });

  it("harms nobody when nobody awaits it", async () => {
    const { conn } = await blockedConn();
    for (const [, write] of writes) void write(conn);
    conn.terminate();
    for (const [, write] of writes) void write(conn);
    await conn.closed;
    await idle();
    expect(conn.readyState).toBe(3);
  });
});

describe("a transport that answers while it is written to", () => {
  it("loses no frame and settles every promise", async () => {
    // Two streams joined in one turn: a write arrives, and is answered, before it has returned.
    const { Duplex } = await import("node:stream");
    const { openConn } = await import("../../src/index.ts");
    const ends: Duplex[] = [];
    const end = (at: number): Duplex =>
      new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, done) {
          ends[1 - at]?.emit("data", Buffer.from(chunk));
          done();
        },
      });
    ends.push(end(0), end(1));
    const open = (at: 0 | 1): Conn =>
      openConn(ends[at]!, Buffer.alloc(0), {
        role: at === 0 ? "server" : "client",
        options: { heartbeat: false },
        subprotocol: "",
        extensions: "",
      });
    const [server, client] = [open(0), open(1)];
    const received: string[] = [];
    const written: Array<Promise<void>> = [];
    const bounce = (conn: Conn): void => {
      void conn.forEach((message) => {
        const [count = "0", filler = ""] = message.text().split(" ");
        received.push(count);
        if (Number(count) < 20)
          written.push(conn.writeMessage(1, `${Number(count) + 1} ${filler}`));
      });
    };
    bounce(server);
    bounce(client);
    written.push(
      client.writeMessage(1, "0 short"),
      client.writeMessage(1, `0 ${"x".repeat(LARGE)}`),
    );
    await idle(10);
    await within(Promise.all(written), "all writes");
    expect(received.toSorted((one, other) => Number(one) - Number(other))).toEqual(
      Array.from({ length: 42 }, (_, at) => String(Math.floor(at / 2))),
    );
  });
});
