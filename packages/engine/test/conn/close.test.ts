/** The closing handshake, TCP's end, and every other way to end (RFC 6455 §5.5.1, §7). */
import {
  connAndRawPeer,
  connPair,
  hex,
  rawBinary,
  rawClose,
  rawFrame,
  rawPing,
  rawText,
  within,
  type RawPeer,
} from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Conn, ConnOptions } from "../../src/index.ts";
import { idle, rejectionOf, stateOf, tcpPair } from "./harness.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** A close frame as the peer of a connection in `role` has to send it. */
function peerClose(role: "server" | "client", code?: number, reason?: string): Buffer {
  const masked = rawClose(code, reason);
  if (role === "server") return masked;
  return rawFrame({ opcode: 8, payload: unmasked(masked), mask: false });
}

function unmasked(frame: Buffer): Buffer {
  const key = frame.subarray(2, 6);
  return frame.subarray(6).map((byte, at) => byte ^ (key[at % 4] ?? 0)) as Buffer; // map keeps the class
}

const ROLES = ["server", "client"] as const;

describe.each(ROLES)("RFC 6455 §7.1.2 %s starts the closing handshake", (role) => {
  it("sends code and reason, awaits the peer's close frame, and resolves with it", async () => {
    const { conn, peer } = await tcpPair(role);
    const closed = conn.close(4001, "bye");
    expect(conn.readyState).toBe(2);
    expect(await peer.readClose()).toEqual({ code: 4001, reason: "bye" });
    expect(await stateOf(closed)).toBe("pending");
    peer.send(peerClose(role, 4001));
    if (role === "client") peer.end();
    expect(await closed).toEqual({ code: 4001, reason: "", wasClean: true });
    expect(conn.readyState).toBe(3);
    expect(await peer.ended()).toBe("fin");
  });

  it("defaults to 1000 without a reason", async () => {
    const { conn, peer } = connAndRawPeer(role);
    void conn.close();
    expect(await peer.readClose()).toEqual({ code: 1000, reason: "" });
  });

  it("sends an empty close frame for 1005", async () => {
    const { conn, peer } = connAndRawPeer(role);
    void conn.close(1005);
    expect((await peer.readFrame()).payload.length).toBe(0);
  });

  it("sends what was written before, whole, ahead of the close frame", async () => {
    const { conn, peer } = connAndRawPeer(role);
    void conn.writeMessage(2, Buffer.alloc(100_000));
    conn.send("last");
    void conn.close();
    expect((await peer.readFrame()).payload.length).toBe(100_000);
    expect((await peer.readFrame()).payload.toString()).toBe("last");
    expect((await peer.readFrame()).opcode).toBe(8);
  });

  it("does so once: a second close changes nothing and resolves alike", async () => {
    const { conn, peer } = connAndRawPeer(role);
    const first = conn.close(4001, "first");
    const second = conn.close(4002, "second");
    expect(await peer.readClose()).toEqual({ code: 4001, reason: "first" });
    peer.send(peerClose(role, 4001));
    peer.end();
    expect(await second).toEqual(await first);
    expect(await conn.close(4003)).toEqual(await first);
    expect((await peer.readToEnd()).length).toBe(0);
  });
});

describe.each(ROLES)("RFC 6455 §5.5.1 %s answers a close frame", (role) => {
  it.each([
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ])("with the same code: %i", async (code) => {
    const { conn, peer } = connAndRawPeer(role);
    peer.send(peerClose(role, code, "why"));
    expect(await peer.readClose()).toEqual({ code, reason: "" });
    peer.end();
    expect(await conn.closed).toEqual({ code, reason: "why", wasClean: true });
  });

  it("without a code with none", async () => {
    const { conn, peer } = connAndRawPeer(role);
    peer.send(peerClose(role));
    const answer = await peer.readFrame();
    expect([answer.opcode, answer.payload.length]).toEqual([8, 0]);
    peer.end();
    expect(await conn.closed).toEqual({ code: 1005, reason: "", wasClean: true });
  });

  it("with a reason of 123 bytes", async () => {
    const { conn, peer } = connAndRawPeer(role);
    const reason = `${"é".repeat(61)}!`;
    peer.send(peerClose(role, 1000, reason));
    peer.end();
    expect(await conn.closed).toMatchObject({ code: 1000, reason });
  });
});

describe("RFC 6455 §7.1.1 TCP's end", () => {
  it("server closes TCP first, right behind its answer", async () => {
    const { conn, peer } = await tcpPair("server", {}, { halfOpenPeer: true });
    peer.send(rawClose(1000));
    await peer.readClose();
    expect(await peer.ended()).toBe("fin");
    expect(conn.readyState).toBe(2); // the peer has not ended its side
    peer.end();
    expect(await conn.closed).toMatchObject({ code: 1000, wasClean: true });
  });

  it("server closes TCP first when its own close frame has been answered", async () => {
    const { conn, peer } = await tcpPair("server", {}, { halfOpenPeer: true });
    void conn.close();
    await peer.readClose();
    await idle();
    expect(peer.stream.readableEnded).toBe(false);
    peer.send(rawClose(1000));
    expect(await peer.ended()).toBe("fin");
    peer.end();
    await conn.closed;
  });

  it("client waits for the server to close TCP", async () => {
    const { conn, peer } = await tcpPair("client", {}, { halfOpenPeer: true });
    peer.send(peerClose("client", 1000));
    expect((await peer.readClose()).code).toBe(1000);
    await idle(10);
    expect(peer.stream.readableEnded).toBe(false);
    peer.end();
    expect(await peer.ended()).toBe("fin");
    expect(await conn.closed).toMatchObject({ code: 1000, wasClean: true });
  });

  it("client closes TCP itself when the server does not within closeTimeout", async () => {
    const { conn, peer } = await tcpPair("client", { closeTimeout: 20 }, { halfOpenPeer: true });
    peer.send(peerClose("client", 1000));
    expect(await conn.closed).toMatchObject({ code: 1000, wasClean: true });
    expect(await peer.ended()).not.toBe("destroyed");
  });

  it("server gives a half-open peer that never ends its side closeTimeout", async () => {
    const { conn, peer } = await tcpPair("server", { closeTimeout: 20 }, { halfOpenPeer: true });
    peer.send(rawClose(1000));
    expect(await peer.ended()).toBe("fin");
    expect(await conn.closed).toMatchObject({ code: 1000, wasClean: true });
  });

  it("what was written reaches a peer that has ended its side only", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    peer.stopReading();
    for (let count = 0; count < 50; count++) conn.send(Buffer.alloc(10_000, count));
    peer.send(rawClose(1000));
    await idle();
    peer.resumeReading();
    for (let count = 0; count < 50; count++) {
      expect((await peer.readFrame()).payload.equals(Buffer.alloc(10_000, count))).toBe(true);
    }
    expect((await peer.readClose()).code).toBe(1000);
  });
});

describe("both sides at once", () => {
  it("send one close frame each, and each sees the other's code", async () => {
    const { server, client } = connPair();
    const ends = await Promise.all([server.close(4001, "server"), client.close(4002, "client")]);
    expect(ends).toEqual([
      { code: 4002, reason: "client", wasClean: true },
      { code: 4001, reason: "server", wasClean: true },
    ]);
  });

  it("over TCP too", async () => {
    const { conn, peer } = await tcpPair("server");
    const closed = conn.close(4001);
    peer.send(rawClose(4002));
    expect((await peer.readClose()).code).toBe(4001);
    expect(await closed).toMatchObject({ code: 4002, wasClean: true });
    expect((await peer.readToEnd()).length).toBe(0);
  });
});

describe("a close frame at an awkward moment", () => {
  it("in the middle of a fragmented message ends it", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(
      Buffer.concat([rawFrame({ opcode: 1, fin: false, payload: "half" }), rawClose(1001)]),
    );
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 1001, wasClean: true });
    expect((await peer.readClose()).code).toBe(1001);
  });

  it("followed by data: the data is ignored, in the same chunk and later", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const read: string[] = [];
    void conn.forEach((message) => void read.push(message.text()));
    peer.send(Buffer.concat([rawText("before"), rawClose(1000), rawText("behind"), hex("ff ff")]));
    peer.send(rawText("later"));
    expect((await peer.readClose()).code).toBe(1000);
    expect((await peer.readToEnd()).length).toBe(0);
    expect(await conn.closed).toMatchObject({ code: 1000 });
    expect(read).toEqual(["before"]);
  });

  it("behind messages of the same chunk: answers of the handler go out before ours", async () => {
    const { conn, peer } = connAndRawPeer("server");
    void (async () => {
      for await (const message of conn) await conn.writeMessage(1, `re ${message.text()}`);
    })();
    peer.send(Buffer.concat([rawText("a"), rawText("b"), rawClose(1000)]));
    expect((await peer.readFrame()).payload.toString()).toBe("re a");
    expect((await peer.readFrame()).payload.toString()).toBe("re b");
    expect((await peer.readFrame()).opcode).toBe(8);
  });

  it("behind a message that is read in pieces: the answer goes out before ours", async () => {
    for (const split of [0, 3]) {
      const { conn, peer } = connAndRawPeer("server");
      void (async () => {
        const reader = await conn.nextReader();
        const writer = await conn.nextWriter(reader.type);
        for await (const piece of reader) await writer.write(piece);
        await writer.close();
      })();
      await idle();
      const bytes = Buffer.concat([rawText("echo"), rawClose(1000)]);
      peer.send(bytes.subarray(0, split));
      await idle();
      peer.send(bytes.subarray(split));
      expect((await peer.readFrame()).payload.toString()).toBe("echo");
      expect((await peer.readFrame()).opcode).toBe(8);
    }
  });

  it("behind a ping of the same chunk: the pong goes out before ours", async () => {
    const { peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawPing("p"), rawClose(1000)]));
    expect((await peer.readFrame()).opcode).toBe(10);
    expect((await peer.readFrame()).opcode).toBe(8);
  });

  it("with the FIN right behind it is still clean", async () => {
    const { conn, peer } = await tcpPair("server");
    peer.send(Buffer.concat([rawText("a"), rawClose(4000, "x")]));
    peer.end();
    expect(
      await rejectionOf(
        (async () => {
          for (;;) await conn.readMessage();
        })(),
      ),
    ).toMatchObject({
      code: 4000,
      reason: "x",
      wasClean: true,
    });
    expect(await conn.closed).toMatchObject({ code: 4000, wasClean: true });
  });

  it("that comes byte by byte", async () => {
    const { conn, peer } = connAndRawPeer("server");
    for (const byte of rawClose(4000, "slow")) {
      peer.send(Buffer.of(byte));
      await idle(1);
    }
    expect(await conn.closed).toEqual({ code: 4000, reason: "slow", wasClean: true });
  });
});

describe("close() while the peer goes on", () => {
  it("drops its messages, whatever their size, and still sees its close frame", async () => {
    const { conn, peer } = connAndRawPeer("server", { readLimit: 100 });
    const closed = conn.close();
    peer.send(rawText("late"));
    peer.send(rawBinary(Buffer.alloc(5000)));
    peer.send(rawFrame({ opcode: 1, fin: false, payload: "unfinished" }));
    peer.send(rawPing("also ignored?"));
    peer.send(rawClose(1000));
    expect(await closed).toMatchObject({ code: 1000, wasClean: true });
    const frames = await peer.readToEnd();
    expect(frames.equals(hex("88 02 03e8"))).toBe(true); // nothing follows a close frame, not even a pong
  });

  it("sees its close frame behind messages that nobody read and that had paused the socket", async () => {
    const { conn, peer } = connAndRawPeer("server", { readQueueMessages: 2, readQueueBytes: 1000 });
    for (let count = 0; count < 100; count++) peer.send(rawText("x".repeat(1000)));
    await idle();
    const closed = conn.close();
    peer.send(rawClose(1000));
    expect(await closed).toMatchObject({ code: 1000, wasClean: true });
  });

  it("sees its end when it just goes", async () => {
    const { conn, peer } = await tcpPair("server", { readQueueMessages: 1 });
    for (let count = 0; count < 100; count++) peer.send(rawText("x".repeat(1000)));
    await idle();
    const closed = conn.close();
    peer.end();
    expect(await closed).toEqual({ code: 1006, reason: "", wasClean: false });
  });

  it("gives it closeTimeout, then destroys the socket: 1006", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { conn } = connAndRawPeer("server", { heartbeat: false });
    const closed = conn.close(1000, "", { timeout: 3000 });
    await vi.advanceTimersByTimeAsync(2999);
    expect(await stateOf(closed)).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    await idle();
    expect(await stateOf(closed)).toBe("fulfilled");
    expect(await closed).toEqual({ code: 1006, reason: "", wasClean: false });
    await vi.advanceTimersByTimeAsync(3000); // it may be one that connections share
    expect(vi.getTimerCount()).toBe(0);
  });

  it("defaults to the option closeTimeout", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { conn } = connAndRawPeer("server", { heartbeat: false, closeTimeout: 700 });
    const closed = conn.close();
    await vi.advanceTimersByTimeAsync(699);
    expect(await stateOf(closed)).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    await idle();
    expect(await closed).toMatchObject({ code: 1006 });
  });

  it("gives up on a peer that does not read either", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    peer.stopReading();
    const written = conn.writeMessage(2, Buffer.alloc(300_000));
    expect(await conn.close(1000, "", { timeout: 20 })).toMatchObject({ code: 1006 });
    expect(await rejectionOf(written)).toMatchObject({ code: "WS_CLOSE_SENT" });
  });

  it("does not ping it, however long it takes", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { conn, peer } = connAndRawPeer("server", {
      heartbeat: { interval: 100, timeout: 100 },
      closeTimeout: 10_000,
    });
    void conn.close();
    await vi.advanceTimersByTimeAsync(9000);
    expect(peer.unread.equals(hex("88 02 03e8"))).toBe(true);
    expect(conn.readyState).toBe(2);
    conn.terminate();
  });
});

describe("close() refuses", () => {
  it.each([
    [0, ""],
    [999, ""],
    [1004, ""],
    [1006, ""],
    [1015, ""],
    [1016, ""],
    [2999, ""],
    [5000, ""],
    [1000.5, ""],
    [Number.NaN, ""],
    [1000, "x".repeat(124)],
    [1000, "é".repeat(62)],
    [1005, "a reason without a code"],
  ])("%d %s with a RangeError, and nothing has happened", async (code, reason) => {
    const { conn, peer } = connAndRawPeer("server");
    expect(await rejectionOf(conn.close(code, reason))).toBeInstanceOf(RangeError);
    expect(conn.readyState).toBe(1);
    await conn.writeMessage(1, "alive");
    expect((await peer.readFrame()).payload.toString()).toBe("alive");
  });

  it.each([
    ["a reason of bytes", Buffer.from("x")],
    ["a reason that is a Float64Array, whose length is not its bytes", new Float64Array(20)],
    ["a reason that is a number", 5],
  ])("%s with a TypeError", async (_title, reason) => {
    const { conn } = connAndRawPeer("server");
    // JavaScript callers can give anything.
    expect(await rejectionOf(conn.close(1000, reason as unknown as string))).toBeInstanceOf(
      TypeError,
    );
    expect(conn.readyState).toBe(1);
  });

  it.each([0, -1, Number.NaN, 2 ** 31])("a timeout of %d with a RangeError", async (timeout) => {
    const { conn } = connAndRawPeer("server");
    expect(await rejectionOf(conn.close(1000, "", { timeout }))).toBeInstanceOf(RangeError);
    expect(conn.readyState).toBe(1);
  });
});

describe("conn.terminate()", () => {
  it("destroys the socket at once, without a close frame", async () => {
    const { conn, peer } = await tcpPair("server");
    conn.terminate();
    expect(await conn.closed).toEqual({ code: 1006, reason: "", wasClean: false });
    expect((await peer.readToEnd()).length).toBe(0);
  });

  it("may be called again, and behind close()", async () => {
    const { conn } = connAndRawPeer("server");
    const closed = conn.close();
    conn.terminate();
    conn.terminate();
    expect(await closed).toMatchObject({ code: 1006 });
    conn.terminate();
  });

  it("keeps the peer's close code when that has come", async () => {
    const { conn, peer } = await tcpPair("server", {}, { halfOpenPeer: true });
    peer.send(rawClose(4000));
    await rejectionOf(conn.readMessage());
    conn.terminate();
    expect(await conn.closed).toMatchObject({ code: 4000 });
  });

  it("leaves no timer behind", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { conn } = connAndRawPeer("server");
    conn.setReadDeadline(Date.now() + 10_000);
    conn.setWriteDeadline(Date.now() + 10_000);
    void conn.readMessage({ timeout: 10_000 });
    void conn.ping();
    void conn.close();
    conn.terminate();
    await idle();
    await vi.advanceTimersByTimeAsync(5000); // the shared ones, of the heartbeat and of the closing handshake
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("what is known of the end", () => {
  it("readyState goes 1, 2, 3", async () => {
    const { conn, peer } = connAndRawPeer("server");
    expect(conn.readyState).toBe(1);
    void conn.close();
    expect(conn.readyState).toBe(2);
    peer.send(rawClose(1000));
    await conn.closed;
    expect(conn.readyState).toBe(3);
  });

  it("closed is one promise, also when it is asked for late, and never rejects", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const early = conn.closed;
    peer.reset();
    const end = await early;
    expect(conn.closed).toBe(early);
    expect(end).toEqual({ code: 1006, reason: "", wasClean: false });
    const { conn: other } = connAndRawPeer("server");
    other.terminate();
    await idle();
    expect(await within(other.closed, "a late closed")).toMatchObject({ code: 1006 });
  });

  it("signal aborts with the error that reads get, also when it is asked for late", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const { signal } = conn;
    expect(signal.aborted).toBe(false);
    peer.send(rawClose(4000));
    const error = await rejectionOf(conn.readMessage());
    expect([signal.aborted, signal.reason, conn.signal]).toEqual([true, error, signal]);
    const { conn: other } = connAndRawPeer("server");
    other.terminate();
    expect(other.signal.aborted).toBe(true);
  });

  it("signal aborts before those who wait are told, so that they can look", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const seen: boolean[] = [];
    const { signal } = conn;
    const loop = conn.forEach(() => {}).finally(() => seen.push(signal.aborted));
    peer.send(rawClose(1000));
    await loop;
    expect(seen).toEqual([true]);
  });

  it("await using closes", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const disposed = conn[Symbol.asyncDispose]();
    expect((await peer.readClose()).code).toBe(1000);
    peer.send(rawClose(1000));
    await disposed;
    expect(conn.readyState).toBe(3);
  });
});

describe("conn.writeControl(close)", () => {
  async function closing(options: ConnOptions = {}): Promise<{ conn: Conn; peer: RawPeer }> {
    const { conn, peer } = connAndRawPeer("server", options);
    await conn.writeControl(8, hex("0fa1 6279 65"));
    expect(await peer.readClose()).toEqual({ code: 4001, reason: "bye" });
    return { conn, peer };
  }

  it("sends the frame, and messages are read on until the peer answers", async () => {
    const { conn, peer } = await closing();
    peer.send(Buffer.concat([rawText("still"), rawText("reading"), rawClose(4001)]));
    const read: string[] = [];
    for await (const message of conn) read.push(message.text());
    expect(read).toEqual(["still", "reading"]);
    expect(await conn.closed).toMatchObject({ code: 4001, wasClean: true });
  });

  it("refuses every later write", async () => {
    const { conn } = await closing();
    expect(await rejectionOf(conn.writeMessage(1, "x"))).toMatchObject({ code: "WS_CLOSE_SENT" });
    expect(await rejectionOf(conn.writeControl(8))).toMatchObject({ code: "WS_CLOSE_SENT" });
    conn.terminate();
  });

  it("gives the peer closeTimeout", async () => {
    const { conn } = await closing({ closeTimeout: 20 });
    expect(await conn.closed).toMatchObject({ code: 1006 });
  });

  it("lets close() switch to dropping messages", async () => {
    const { conn, peer } = await closing();
    const closed = conn.close();
    peer.send(Buffer.concat([rawText("dropped"), rawClose(4001)]));
    expect(await closed).toMatchObject({ code: 4001, wasClean: true });
  });

  it.each([
    ["one byte", hex("03")],
    ["code 1006", hex("03ee")],
    ["a reason that is not UTF-8", hex("03e8 ff")],
  ])("refuses %s", async (_title, payload) => {
    const { conn } = connAndRawPeer("server");
    expect(await rejectionOf(conn.writeControl(8, payload))).toMatchObject({
      name: "ProtocolError",
    });
    expect(conn.readyState).toBe(1);
  });
});
