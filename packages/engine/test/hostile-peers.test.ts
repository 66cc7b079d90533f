/** Peers that mean harm, once the connection is open: each ends as it should, and memory stays flat. */
import {
  connAndRawPeer,
  expectFlatMemory,
  hex,
  rawBinary,
  rawClose,
  rawFrame,
  rawPing,
  rawText,
  retainedMemory,
  watchForCrashes,
  type CrashWatch,
  type RawPeer,
} from "@longwire/testkit";
import { constants, deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolveCompression } from "../src/extensions/compression-options.ts";
import { openConn, PreparedMessage, type Conn } from "../src/index.ts";
import { memoryPair } from "../src/transport/memory-pair.ts";
import { idle, rejectionOf, tcpPair } from "./conn/harness.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** What tests, timers and compiled code move by themselves. */
const NOISE = MIB;

const ROLES = ["server", "client"] as const;
type Role = (typeof ROLES)[number];

let watch: CrashWatch;
beforeEach(() => {
  watch = watchForCrashes();
});
afterEach(() => watch.stop());

/** A frame as the peer of a connection in `role` sends it. */
function frame(role: Role, opcode: number, payload: Uint8Array | string = "", fin = true): Buffer {
  return rawFrame(
    role === "server" ? { opcode, payload, fin } : { opcode, payload, fin, mask: false },
  );
}

/** The same bytes `count` times. */
function times(bytes: Uint8Array, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}

/** Bytes that are retained more after `act` than before. */
async function growthOf(act: () => Promise<void>): Promise<number> {
  const before = await retainedMemory();
  await act();
  const after = await retainedMemory();
  return after.total - before.total;
}

/** Sends `chunk` again and again, letting the connection take each one. */
async function flood(peer: RawPeer, chunk: Buffer, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent++) {
    peer.stream.write(chunk);
    if (sent % 8 === 7) await idle(1);
  }
  await idle(4);
}

describe.each(ROLES)("fragments at a %s", (role) => {
  it("of one byte retain no more than the limit, and end with 1009 one byte above it", async () => {
    const limit = 256 * KIB;
    const { conn, peer } = connAndRawPeer(role, { readLimit: limit, heartbeat: false });
    const ones = times(frame(role, 0, "x", false), 8192);
    const growth = await growthOf(async () => {
      peer.send(frame(role, 2, "", false));
      await flood(peer, ones, limit / 8192);
    });
    expect(growth).toBeLessThan(limit + 64 * KIB + NOISE);
    expect(conn.readyState).toBe(1);
    peer.send(frame(role, 0, "x", false));
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: "WS_READ_LIMIT" });
    expect((await peer.readClose()).code).toBe(1009);
  });

  it("that are empty retain nothing, however many", async () => {
    const { conn, peer } = connAndRawPeer(role, { heartbeat: false });
    const empty = times(frame(role, 0, "", false), 8192);
    peer.send(frame(role, 1, "", false));
    await expectFlatMemory(() => flood(peer, empty, 8), { rounds: 8, maxGrowthBytes: 256 * KIB });
    peer.send(frame(role, 0, "end"));
    expect((await conn.readMessage()).text()).toBe("end");
    conn.terminate();
  });

  it("of one byte, streamed to a reader that does not read, retain no more than the water mark", async () => {
    const { conn, peer } = connAndRawPeer(role, {
      readLimit: Infinity,
      readQueueBytes: 64 * KIB,
      heartbeat: false,
    });
    const reading = conn.nextReader();
    peer.send(frame(role, 2, "x", false));
    const reader = await reading;
    const ones = times(frame(role, 0, "x", false), 4096);
    const growth = await growthOf(() => flood(peer, ones, 15));
    expect(growth).toBeLessThan(64 * KIB + NOISE);
    expect(reader.bufferedBytes).toBeGreaterThan(60_000);
    conn.terminate();
  });
});

describe("chunks of one byte", () => {
  it("retain what they carry, not more: a message that nobody has asked for", async () => {
    const { conn } = connAndRawPeer("server", { heartbeat: false });
    const message = rawBinary(Buffer.alloc(20_000, 1));
    const growth = await growthOf(async () => {
      for (const byte of message.subarray(0, -1)) conn.netConn.emit("data", Buffer.of(byte));
      await idle();
    });
    expect(growth).toBeLessThan(64 * KIB + NOISE);
    conn.netConn.emit("data", Buffer.from(message.subarray(-1)));
    expect((await conn.readMessage()).data.equals(Buffer.alloc(20_000, 1))).toBe(true);
    conn.terminate();
  });

  it("over TCP give the same messages, round after round", async () => {
    const { conn, peer } = await tcpPair("server", { heartbeat: false });
    const bytes = Buffer.concat([
      rawText("hello"),
      rawPing("p"),
      rawFrame({ opcode: 2, payload: Buffer.alloc(200) }),
    ]);
    await expectFlatMemory(
      async () => {
        for (const byte of bytes) peer.send(Buffer.of(byte));
        expect((await conn.readMessage()).text()).toBe("hello");
        expect((await conn.readMessage()).data.length).toBe(200);
        expect((await peer.readFrame()).opcode).toBe(10);
      },
      { rounds: 30 },
    );
    conn.terminate();
  });
});

describe("a message one byte over the limit", () => {
  const limit = 70_000;
  const rest = Buffer.alloc(60_000);
  const framings: ReadonlyArray<readonly [string, Buffer]> = [
    ["in one frame", rawBinary(Buffer.alloc(limit + 1))],
    ["by its 64-bit length alone", rawFrame({ opcode: 2, declaredLength: limit + 1 })],
    [
      "in its last fragment",
      Buffer.concat([
        rawFrame({ opcode: 2, fin: false, payload: rest }),
        rawFrame({ opcode: 0, payload: Buffer.alloc(10_001) }),
      ]),
    ],
    [
      "in a fragment in the middle",
      Buffer.concat([
        rawFrame({ opcode: 2, fin: false, payload: rest }),
        rawFrame({ opcode: 0, fin: false, payload: Buffer.alloc(10_001) }),
      ]),
    ],
    [
      "in fragments of one byte behind it",
      Buffer.concat([
        rawFrame({ opcode: 2, fin: false, payload: Buffer.alloc(limit) }),
        times(rawFrame({ opcode: 0, fin: false, payload: "x" }), 1),
      ]),
    ],
  ];

  it.each(framings)("%s: 1009, and memory stays flat", async (_how, bytes) => {
    await expectFlatMemory(
      async () => {
        const { conn, peer } = connAndRawPeer("server", { readLimit: limit, heartbeat: false });
        peer.send(bytes);
        expect(await rejectionOf(conn.readMessage())).toMatchObject({ closeCode: 1009 });
        expect((await peer.readClose()).code).toBe(1009);
        conn.terminate();
      },
      { rounds: 20 },
    );
  });

  it.each([
    ["in a 7-bit length", 100],
    ["in a 16-bit length", 1000],
  ])("%s: 1009; the limit itself is fine", async (_how, bytes) => {
    const { conn, peer } = connAndRawPeer("server", { readLimit: bytes });
    peer.send(rawBinary(Buffer.alloc(bytes)));
    expect((await conn.readMessage()).data.length).toBe(bytes);
    peer.send(rawBinary(Buffer.alloc(bytes + 1)));
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: "WS_READ_LIMIT" });
    expect((await peer.readClose()).code).toBe(1009);
  });

  /** The payload of a compressed message, RFC 7692 §7.2.1. */
  function deflated(bytes: Uint8Array): Buffer {
    return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  }

  function deflating(readLimit: number): { conn: Conn; peer: { write(bytes: Uint8Array): void } } {
    const [socket, other] = memoryPair();
    other.resume();
    const options = resolveCompression(true);
    if (options === undefined) throw new Error("compression is off");
    const negotiated = {
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 15,
      clientMaxWindowBits: 15,
    };
    const conn = openConn(socket, Buffer.alloc(0), {
      role: "server",
      options: { readLimit, heartbeat: false },
      subprotocol: "",
      extensions: "permessage-deflate",
      deflate: { negotiated, options },
    });
    return { conn, peer: { write: (bytes) => void other.write(bytes) } };
  }

  it.each([
    ["in one frame", false],
    ["in fragments", true],
  ])("after inflating, %s: 1009; a bomb of 64 MiB is not inflated", async (_how, fragmented) => {
    const bomb = deflated(Buffer.alloc(64 * MIB));
    const half = bomb.length >> 1;
    const bytes = fragmented
      ? Buffer.concat([
          rawFrame({ opcode: 2, rsv: 4, fin: false, payload: bomb.subarray(0, half) }),
          rawFrame({ opcode: 0, payload: bomb.subarray(half) }),
        ])
      : rawFrame({ opcode: 2, rsv: 4, payload: bomb });
    await expectFlatMemory(
      async () => {
        const { conn, peer } = deflating(MIB);
        peer.write(bytes);
        expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: "WS_READ_LIMIT" });
        conn.terminate();
      },
      { rounds: 10 },
    );
  });

  it("after inflating: the limit itself is fine", async () => {
    const { conn, peer } = deflating(MIB);
    peer.write(rawFrame({ opcode: 2, rsv: 4, payload: deflated(Buffer.alloc(MIB)) }));
    expect((await conn.readMessage()).data.length).toBe(MIB);
    peer.write(rawFrame({ opcode: 2, rsv: 4, payload: deflated(Buffer.alloc(MIB + 1)) }));
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ closeCode: 1009 });
    conn.terminate();
  });
});

describe.each(ROLES)("lengths that a %s can't mean", (role) => {
  const mask = role === "server" ? 0x80 : 0;
  const key = role === "server" ? "00000000" : "";
  const lengths: ReadonlyArray<readonly [string, string, number]> = [
    ["2^31", "0000000080000000", 1009],
    ["2^32", "0000000100000000", 1009],
    ["2^53 - 1", "001fffffffffffff", 1009],
    ["2^53", "0020000000000000", 1009],
    ["2^63 - 1", "7fffffffffffffff", 1009],
    ["2^63", "8000000000000000", 1002],
    ["2^64 - 1", "ffffffffffffffff", 1002],
  ];

  it("end with their code, and nothing is allocated for them", async () => {
    const found: Array<readonly [string, number]> = [];
    await expectFlatMemory(
      async () => {
        found.length = 0;
        for (const [name, length] of lengths) {
          const { conn, peer } = connAndRawPeer(role, { heartbeat: false });
          peer.sendHex(`82 ${(mask | 127).toString(16)} ${length} ${key}`);
          found.push([name, (await peer.readClose()).code]);
          conn.terminate();
        }
      },
      { rounds: 60, warmUpRounds: 20 },
    );
    expect(found).toEqual(lengths.map(([name, , code]) => [name, code]));
  });

  it("of 2^53 - 1 bytes are taken without a limit, as far as they come", async () => {
    const { conn, peer } = connAndRawPeer(role, { readLimit: Infinity, heartbeat: false });
    const growth = await growthOf(async () => {
      peer.send(hex(`82 ${(mask | 127).toString(16)} 001fffffffffffff ${key}`));
      peer.send(Buffer.alloc(1000));
      await idle();
    });
    expect([conn.readyState, growth < NOISE]).toEqual([1, true]);
    conn.terminate();
  });
});

describe("floods", () => {
  it("of pings from a peer that does not read: memory is flat, one pong waits", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    peer.stopReading();
    const pings = times(rawPing("x".repeat(100)), 600);
    await expectFlatMemory(() => flood(peer, pings, 8), { rounds: 10, maxGrowthBytes: 256 * KIB });
    expect(conn.bufferedAmount).toBeLessThan(256 * KIB);
    expect(conn.readyState).toBe(1);
    conn.terminate();
  });

  it("of pings over TCP, the kernel's buffers full", async () => {
    const { conn, peer } = await tcpPair("server", { heartbeat: false });
    peer.stopReading();
    const pings = times(rawPing("x".repeat(125)), 500);
    await expectFlatMemory(() => flood(peer, pings, 8), { rounds: 12, maxGrowthBytes: 512 * KIB });
    expect(conn.bufferedAmount).toBeLessThan(256 * KIB);
    peer[Symbol.dispose]();
    conn.terminate();
  });

  it("of pings that are answered: memory is flat too", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    const pings = times(rawPing("__proto__"), 500);
    await expectFlatMemory(
      async () => {
        peer.send(pings);
        await peer.readBytes(500 * (2 + "__proto__".length));
      },
      { rounds: 50, maxGrowthBytes: 512 * KIB },
    );
    expect([conn.readyState, peer.unread.length]).toEqual([1, 0]);
    conn.terminate();
  });

  it("of pongs that nobody asked for", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    const pongs = times(rawFrame({ opcode: 10, payload: "constructor" }), 1000);
    await expectFlatMemory(() => flood(peer, pongs, 8), { rounds: 10, maxGrowthBytes: 256 * KIB });
    expect([conn.readyState, conn.roundTripTime]).toEqual([1, undefined]);
    conn.terminate();
  });

  it("of messages that nobody reads: the socket waits", async () => {
    const { conn, peer } = connAndRawPeer("server", { readQueueBytes: 64 * KIB, heartbeat: false });
    const growth = await growthOf(async () => {
      for (let sent = 0; sent < 100; sent++) peer.stream.write(times(rawText("x"), 1000));
      await idle(10);
    });
    // What has not been taken waits on the peer's side of the pair, in the same process.
    const theirs = peer.stream.writableLength;
    expect(growth - theirs).toBeLessThan(512 * KIB + NOISE);
    conn.terminate();
  });

  it("of messages at a handler that never reads: they are dropped", async () => {
    const { runHandler } = await import("../src/index.ts");
    const { conn, peer } = connAndRawPeer("server", { readQueueBytes: 64 * KIB, heartbeat: false });
    runHandler(
      conn,
      () => {},
      () => {},
    );
    const messages = times(rawText("x".repeat(50)), 1000);
    await expectFlatMemory(() => flood(peer, messages, 8), {
      rounds: 10,
      maxGrowthBytes: 256 * KIB,
    });
    expect(peer.stream.writableLength).toBe(0);
    conn.terminate();
  });
});

describe("a peer that stops reading", () => {
  it("while we broadcast: it is ended with 1013, the others get everything", async () => {
    const prepared = new PreparedMessage(1, "x".repeat(1000));
    const healthy = connAndRawPeer("server", { heartbeat: false });
    await expectFlatMemory(
      async () => {
        const slow = connAndRawPeer("server", { maxBufferedAmount: 256 * KIB, heartbeat: false });
        slow.peer.stopReading();
        for (let sent = 0; sent < 1000; sent++) {
          void slow.conn.writePreparedMessage(prepared);
          void healthy.conn.writePreparedMessage(prepared);
          if (sent % 50 === 49) await idle(1);
        }
        expect(await slow.conn.closed).toMatchObject({ code: 1013 });
        for (let received = 0; received < 1000; received++) {
          expect((await healthy.peer.readFrame()).payload.length).toBe(1000);
        }
      },
      { rounds: 5 },
    );
    healthy.conn.terminate();
  });

  const writers: ReadonlyArray<readonly [string, (conn: Conn) => void]> = [
    ["empty messages", (conn) => void conn.send("")],
    ["short texts", (conn) => void conn.send("x")],
    ["short bytes", (conn) => void conn.writeMessage(2, Buffer.of(1))],
    ["messages by reference", (conn) => void conn.writeMessage(2, LARGE)],
    ["prepared messages", (conn) => void conn.writePreparedMessage(SMALL)],
    ["pings", (conn) => void conn.ping("x", { timeout: Infinity })],
    ["writers that wait", (conn) => void conn.nextWriter(1)],
  ];
  const LARGE = Buffer.alloc(20_000);
  const SMALL = new PreparedMessage(1, "x");

  it.each(writers)(
    "and a writer that never awaits, with %s: bounded, then 1013",
    async (_what, write) => {
      const { conn, peer } = connAndRawPeer("server", {
        maxBufferedAmount: 512 * KIB,
        heartbeat: false,
      });
      peer.stopReading();
      conn.send(Buffer.alloc(100_000));
      await idle();
      const growth = await growthOf(async () => {
        for (let written = 0; written < 20_000 && conn.readyState === 1; written++) write(conn);
        await Promise.resolve();
      });
      expect(conn.readyState).not.toBe(1);
      expect(growth).toBeLessThan(4 * MIB);
      expect(await conn.closed).toMatchObject({ code: 1013 });
    },
  );

  it("and never answers our close frame: closeTimeout ends it", async () => {
    await expectFlatMemory(
      async () => {
        const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
        peer.stopReading();
        conn.send(Buffer.alloc(200_000));
        expect(await conn.close(1000, "", { timeout: 1 })).toMatchObject({ code: 1006 });
      },
      { rounds: 20 },
    );
  });
});

describe("text that could be taken for something else", () => {
  const texts = ["__proto__", "constructor", "toString", "a\r\nb: c", "\u0000", "\u202e"];

  it("in pings, pongs, messages and reasons is only text", async () => {
    const found = new Set<string>();
    await expectFlatMemory(
      async (round) => {
        const text = texts[round % texts.length] ?? "";
        const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
        const ping = conn.ping(text);
        const sent = [(await peer.readFrame()).payload.toString()];
        const pong = rawFrame({ opcode: 10, payload: text });
        peer.send(Buffer.concat([rawPing(text), pong, rawText(text)]));
        await ping;
        sent.push((await peer.readFrame()).payload.toString());
        sent.push((await conn.readMessage()).text());
        peer.send(rawClose(4000, text));
        expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 4000, reason: text });
        expect(sent).toEqual([text, text, text]);
        found.add(text);
        conn.terminate();
      },
      { rounds: 30 },
    );
    expect([...found].toSorted()).toEqual(texts.toSorted());
  });
});

describe("a reset", () => {
  const moments: ReadonlyArray<readonly [string, (conn: Conn, peer: RawPeer) => unknown]> = [
    ["at once", () => {}],
    ["inside a header", (_conn, peer) => peer.send(hex("81 fe 00"))],
    ["inside a payload", (_conn, peer) => peer.send(rawText("hello").subarray(0, 8))],
    ["between fragments", (_conn, peer) => peer.send(rawFrame({ opcode: 1, fin: false }))],
    ["behind a message", (_conn, peer) => peer.send(rawText("hello"))],
    ["behind its close frame", (_conn, peer) => peer.send(rawClose(1000))],
    ["behind a violation", (_conn, peer) => peer.send(hex("ff"))],
    ["while we write", (conn) => void conn.writeMessage(2, Buffer.alloc(5_000_000))],
    ["behind our close frame", (conn) => void conn.close()],
    ["while a writer is open", (conn) => conn.nextWriter(1).then((writer) => writer.write("x"))],
    [
      "while a reader is open",
      (conn, peer) => {
        peer.send(rawFrame({ opcode: 1, fin: false, payload: "x" }));
        return conn.nextReader().then((reader) => reader.next());
      },
    ],
  ];

  async function resetAt(
    begin: (conn: Conn, peer: RawPeer) => unknown,
    round: number,
  ): Promise<void> {
    const { conn, peer } = await tcpPair("server", { heartbeat: false });
    await begin(conn, peer);
    await idle(round % 3);
    peer.reset();
    while (conn.readyState !== 3) {
      conn.send("probe"); // a paused socket learns of a reset by writing
      await idle(1);
    }
    expect((await conn.closed).code).toBeGreaterThanOrEqual(1000);
  }

  it.each(moments)("%s ends the connection and nothing else", async (_when, begin) => {
    for (let round = 0; round < 3; round++) await resetAt(begin, round);
    expect(watch.crashes).toEqual([]);
  });

  it("at any moment leaves no memory behind", async () => {
    await expectFlatMemory(
      async (round) => {
        for (const [, begin] of moments) await resetAt(begin, round);
      },
      { rounds: 8 },
    );
    expect(watch.crashes).toEqual([]);
  });
});
