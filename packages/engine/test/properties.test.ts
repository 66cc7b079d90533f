/** What holds for any bytes and any split: same events, nothing lost, no error but ours. */
import {
  connAndRawPeer,
  connPair,
  deferred,
  memoryDuplexPair,
  rawFrame,
  readRawFrame,
  watchForCrashes,
  within,
} from "@longwire/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Endpoint } from "../src/endpoint/endpoint.ts";
import { FrameBatch } from "../src/framing/frame-batch.ts";
import { FrameParser } from "../src/framing/frame-parser.ts";
import type { Role } from "../src/framing/frame.ts";
import { firstByte } from "../src/framing/frame-serializer.ts";
import { CloseError, openConn, ProtocolError, type Conn } from "../src/index.ts";
import { idle } from "./conn/harness.ts";
import { FrameLog } from "./framing/frame-log.ts";

// ---- what peers may send ----

interface Step {
  readonly kind: "text" | "binary" | "ping" | "pong";
  readonly payload: Buffer;
  /** Sizes of the fragments of a message; the rest is the last one. */
  readonly cuts: readonly number[];
  /** A ping goes out behind each fragment. */
  readonly interleaved: boolean;
}

const text = fc.string({ unit: "grapheme", maxLength: 60 }).map((value) => Buffer.from(value));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value)),
  fc.integer({ min: 120, max: 130 }).map((length) => Buffer.alloc(length, length)),
  fc.integer({ min: 65_530, max: 65_540 }).map((length) => Buffer.alloc(length, length)),
);
const cuts = fc.array(fc.nat(200), { maxLength: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("text" as const), payload: text, cuts, interleaved: fc.boolean() }),
  fc.record({
    kind: fc.constant("binary" as const),
    payload: bytes,
    cuts,
    interleaved: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom("ping" as const, "pong" as const),
    payload: fc.uint8Array({ maxLength: 125 }).map((value) => Buffer.from(value)),
    cuts: fc.constant([]),
    interleaved: fc.constant(false),
  }),
);

const OPCODES = { text: 1, binary: 2, ping: 9, pong: 10 } as const;

function wire(steps: readonly Step[], role: Role): Buffer {
  const frame = (opcode: number, payload: Uint8Array, fin: boolean): Buffer =>
    role === "server"
      ? rawFrame({ opcode, payload, fin })
      : rawFrame({ opcode, payload, fin, mask: false });
  return Buffer.concat(
    steps.flatMap(({ kind, payload, cuts: sizes, interleaved }) => {
      const frames: Buffer[] = [];
      let rest = payload;
      let opcode: number = OPCODES[kind];
      for (const size of sizes) {
        frames.push(frame(opcode, rest.subarray(0, size), false));
        if (interleaved) frames.push(frame(9, Buffer.from("mid"), true));
        rest = rest.subarray(size);
        opcode = 0;
      }
      return [...frames, frame(opcode, rest, true)];
    }),
  );
}

/** What an endpoint is to tell of these steps. */
function expected(steps: readonly Step[]): string[] {
  return steps.flatMap(({ kind, payload, cuts: sizes, interleaved }) => [
    ...(interleaved ? sizes.map(() => `ping ${Buffer.from("mid").toString("hex")}`) : []),
    `${kind} ${payload.toString("hex")}`,
  ]);
}

/** Cuts `all` at the given places, each taken modulo the length. */
function cutAt(all: Buffer, places: readonly number[]): Buffer[] {
  const points = [...new Set(places.map((place) => place % (all.length + 1)))].toSorted(
    (a, b) => a - b,
  );
  return [0, ...points].map((point, at) => all.subarray(point, points[at] ?? all.length));
}

// ---- what an endpoint makes of it ----

interface Outcome {
  readonly events: string[];
  readonly fault: string;
}

/** `stopEach`: the owner stops behind every message, as a full queue does. */
function receive(
  pieces: readonly Buffer[],
  role: Role,
  stopEach: boolean,
  streaming = false,
): Outcome {
  const events: string[] = [];
  const log = (event: string): void => void events.push(event);
  const endpoint = new Endpoint({
    role,
    readLimit: 1_048_576,
    events: {
      onMessage: (type, data) => {
        log(`${type === 1 ? "text" : "binary"} ${data.toString("hex")}`);
        if (stopEach) endpoint.stop();
      },
      onMessageStart: (type) => log(`${type === 1 ? "text" : "binary"} `),
      onMessagePiece: (piece, last) => {
        // Pieces are joined behind the last start: pings may have come between them.
        const at = events.findLastIndex((event) => /^(?:text|binary) /u.test(event));
        events[at] += piece.toString("hex");
        if (!last) return;
        const [message = ""] = events.splice(at, 1);
        events.push(message);
      },
      onPing: (payload) => log(`ping ${payload.toString("hex")}`),
      onPong: (payload) => log(`pong ${payload.toString("hex")}`),
      onClose: (code, reason) => log(`close ${code} ${reason}`),
    },
  });
  if (streaming) endpoint.startStreaming();
  try {
    for (const piece of pieces) {
      const chunk = Buffer.from(piece);
      for (let at = 0; at < chunk.length;) at = endpoint.receive(chunk, at);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { events, fault: `${error.code} ${error.closeCode}` };
  }
  return { events, fault: "" };
}

const role = fc.constantFrom<Role>("server", "client");

describe("any split of any stream", () => {
  it("of valid frames gives the same events, also when the owner stops behind each", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 8 }),
        role,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.boolean(),
        (steps, side, places, stopEach) => {
          const found = receive(cutAt(wire(steps, side), places), side, stopEach);
          expect(found).toEqual({ events: expected(steps), fault: "" });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("of valid frames gives the same events byte by byte, and in pieces", () => {
    const small = fc.array(
      step.filter(({ payload }) => payload.length < 1000),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(small, role, (steps, side) => {
        const all = wire(steps, side);
        const single = Array.from(all, (_, at) => all.subarray(at, at + 1));
        expect(receive(single, side, false).events).toEqual(expected(steps));
        expect(receive(single, side, false, true).events).toEqual(expected(steps));
      }),
      { numRuns: 100 },
    );
  });

  /** Frames of every kind, some of which break a rule. */
  const anyFrame = fc
    .record({
      opcode: fc.constantFrom(0, 0, 1, 1, 2, 2, 8, 9, 10, 3, 11),
      fin: fc.boolean(),
      rsv: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 4),
      payload: fc.oneof(text, fc.uint8Array({ maxLength: 130 })),
      lengthBytes: fc.constantFrom(undefined, undefined, undefined, 2 as const, 8 as const),
    })
    .map(({ lengthBytes, ...frame }) =>
      rawFrame(lengthBytes === undefined ? frame : { ...frame, lengthBytes }),
    );

  it("of frames that break rules gives the same events and the same fault", () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.boolean(),
        (frames, places, stopEach) => {
          const all = Buffer.concat(frames);
          expect(receive(cutAt(all, places), "server", stopEach)).toEqual(
            receive([all], "server", false),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it("of noise gives the same events and the same fault", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        role,
        fc.array(fc.nat(), { maxLength: 8 }),
        (noise, side, places) => {
          const all = Buffer.from(noise);
          expect(receive(cutAt(all, places), side, false)).toEqual(receive([all], side, false));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("parse after serialize", () => {
  const frame = fc.record({
    fin: fc.boolean(),
    rsv1: fc.boolean(),
    opcode: fc.constantFrom(1 as const, 2 as const),
    payload: fc.oneof(bytes, text),
  });

  it("is the identity, in both directions, wherever the bytes are split", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 6 }),
        (frames, masked, places) => {
          let key = 0x9e37_79b9 | 0;
          const batch = new FrameBatch(
            masked ? () => (key = Math.imul(key, 0x0101_0101)) : undefined,
          );
          for (const { fin, rsv1, opcode, payload } of frames) {
            batch.append(firstByte(fin, rsv1, opcode), payload);
          }
          const sent = Buffer.concat(batch.take());
          batch.settle(true);
          const log = new FrameLog();
          const parser = new FrameParser(masked ? "server" : "client", true, log);
          for (const piece of cutAt(sent, places)) parser.push(Buffer.from(piece), 0);
          expect(log.frames).toEqual(
            frames.map(({ fin, rsv1, opcode, payload }) => ({
              fin,
              rsv1,
              opcode,
              length: payload.length,
              payload: payload.toString("hex"),
              complete: true,
            })),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  it("an independent reader agrees", () => {
    fc.assert(
      fc.property(frame, fc.boolean(), ({ fin, rsv1, opcode, payload }, masked) => {
        const batch = new FrameBatch(masked ? () => 0x0102_0304 : undefined);
        batch.append(firstByte(fin, rsv1, opcode), payload);
        const read = readRawFrame(Buffer.concat(batch.take()));
        batch.settle(true);
        expect(read?.frame).toMatchObject({ fin, rsv: rsv1 ? 4 : 0, opcode, masked });
        expect(read?.frame.payload.equals(payload)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe("two connections", () => {
  interface Write {
    readonly how: "write" | "send" | "pieces";
    readonly payload: Buffer;
  }
  const write: fc.Arbitrary<Write> = fc.record({
    how: fc.constantFrom("write", "send", "pieces"),
    payload: fc.oneof(
      bytes,
      fc.integer({ min: 16_380, max: 16_390 }).map((length) => Buffer.alloc(length, 1)),
    ),
  });

  async function writeAll(conn: Conn, writes: readonly Write[]): Promise<void> {
    const pending: Array<Promise<void>> = [];
    for (const { how, payload } of writes) {
      if (how === "send") conn.send(payload);
      else if (how === "write") pending.push(conn.writeMessage(2, payload));
      else {
        const writer = await conn.nextWriter(2);
        void writer.write(payload.subarray(0, 100));
        void writer.flush();
        void writer.write(payload.subarray(100));
        pending.push(writer.close());
      }
    }
    await Promise.all(pending);
    await conn.drained();
  }

  it("carry any messages, written and read in any way, both ways, in order, whatever their limits", async () => {
    const limits = fc.record({
      readQueueMessages: fc.constantFrom(1, 2, 1024),
      readQueueBytes: fc.constantFrom(1, 1000, 262_144),
      writeWaterMark: fc.constantFrom(1, 1000, 65_536),
      writeBufferSize: fc.constantFrom(1, 100, 4096),
    });
    const writes = fc.array(write, { maxLength: 12 });
    const readingWays = fc.array(fc.constantFrom("message", "reader", "iterator"), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(
        writes,
        writes,
        limits,
        limits,
        readingWays,
        async (ours, theirs, one, other, ways) => {
          const { server, client } = connPair({ server: one, client: other });
          const read = async (conn: Conn, count: number): Promise<Buffer[]> => {
            const received: Buffer[] = [];
            const iterator = conn[Symbol.asyncIterator]();
            while (received.length < count) {
              const way = ways[received.length % ways.length];
              if (way === "reader") received.push(await (await conn.nextReader()).readAll());
              else if (way === "message") received.push((await conn.readMessage()).data);
              else received.push((await iterator.next()).value?.data ?? Buffer.alloc(0));
            }
            return received;
          };
          const [atClient, atServer] = await Promise.all([
            read(client, ours.length),
            read(server, theirs.length),
            writeAll(server, ours),
            writeAll(client, theirs),
          ]);
          expect(atClient.map((data) => data.toString("hex"))).toEqual(
            ours.map(({ payload }) => payload.toString("hex")),
          );
          expect(atServer.map((data) => data.toString("hex"))).toEqual(
            theirs.map(({ payload }) => payload.toString("hex")),
          );
          const ends = await Promise.all([server.close(), client.closed]);
          expect(ends.every(({ code, wasClean }) => code === 1000 && wasClean)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("any way to read", () => {
  /** Each takes one message, but for those that give up first; tells what it saw of it. */
  const READS: Readonly<Record<string, (conn: Conn) => Promise<string | undefined>>> = {
    message: async (conn) => (await conn.readMessage()).text(),
    impatient: async (conn) => {
      const message = await conn.readMessage({ timeout: 0 }).catch(softly);
      return message?.text();
    },
    aborted: async (conn) => {
      const controller = new AbortController();
      const reading = conn.nextReader({ signal: controller.signal }).catch(softly);
      controller.abort(SOFT);
      return (await reading)?.readAll().then(String);
    },
    reader: async (conn) => (await (await conn.nextReader()).readAll()).toString(),
    "half a reader": async (conn) =>
      (await (await conn.nextReader()).next()).value?.toString() ?? "",
    "a reader that is returned": async (conn) => {
      const reader = await conn.nextReader();
      const { value } = await reader.next();
      await reader.return();
      return value?.toString() ?? "";
    },
    loop: async (conn) => {
      for await (const message of conn) return message.text();
      return undefined;
    },
    each: async (conn) => {
      // forEach has no end but the connection's: it takes one message and keeps the next ones waiting.
      const first = deferred<string>();
      void conn.forEach((message) => {
        first.resolve(message.text());
        return new Promise(() => {});
      });
      return first.promise;
    },
  };
  const SOFT = new Error("soft");
  const softly = (error: unknown): undefined => {
    if (error !== SOFT && (error as { code?: unknown }).code !== "WS_TIMEOUT") throw error;
  };

  const ways = fc.array(fc.constantFrom(...Object.keys(READS).filter((way) => way !== "each")), {
    minLength: 1,
    maxLength: 12,
  });
  const sizes = fc.array(fc.constantFrom(0, 1, 10, 300, 2000, 70_000), {
    minLength: 1,
    maxLength: 14,
  });
  const limits = fc.record({
    readQueueMessages: fc.constantFrom(1, 2, 1024),
    readQueueBytes: fc.constantFrom(1, 500, 262_144),
  });

  it("gives each message once and in order, with any limits and cuts, and none is waited for in vain", async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes,
        ways,
        fc.boolean(),
        limits,
        fc.array(fc.nat(), { maxLength: 10 }),
        fc.nat(3),
        async (lengths, order, endsWithEach, options, places, turns) => {
          const { conn, peer } = connAndRawPeer("server", { ...options, heartbeat: false });
          const sent = lengths.map((length, at) => `${at}:${"x".repeat(length)}`);
          const sending = (async () => {
            for (const piece of cutAt(Buffer.concat(sent.map((one) => frames(one))), places)) {
              peer.send(piece);
              await idle(turns);
            }
          })();
          let next = 0;
          const read = async (way: string): Promise<void> => {
            const seen = await within(
              READS[way]?.(conn) ?? Promise.resolve(undefined),
              `${way} of ${next}`,
            );
            if (seen === undefined) return;
            expect([next, sent[next]?.startsWith(seen), seen.length > 0]).toEqual([
              next,
              true,
              true,
            ]);
            next++;
          };
          for (let step = 0; next < sent.length - 1 && step < 100; step++) {
            await read(order[step % order.length] ?? "message");
            if (step % 3 === 2) await idle(1); // soft ends may come again and again
          }
          while (next < sent.length - 1) await read("message");
          await read(endsWithEach ? "each" : "message");
          await sending;
          conn.terminate();
        },
      ),
      { numRuns: 150 },
    );
  });

  /** One message as two fragments with a ping between. */
  function frames(payload: string): Buffer {
    const half = payload.length >> 1;
    return Buffer.concat([
      rawFrame({ opcode: 1, fin: false, payload: payload.slice(0, half) }),
      rawFrame({ opcode: 9, payload: "mid" }),
      rawFrame({ opcode: 0, payload: payload.slice(half) }),
    ]);
  }
});

describe("random bytes on a connection", () => {
  it("end in one of our errors, answered by a close frame, and never in a crash", async () => {
    const watch = watchForCrashes();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }),
        role,
        fc.constantFrom("read", "iterate", "each", "reader", "nobody"),
        async (chunks, side, how) => {
          const { conn, peer } = connAndRawPeer(side, { heartbeat: false, readLimit: 1000 });
          const reading = readBy(conn, how);
          for (const chunk of chunks) peer.send(chunk);
          await idle();
          peer.end();
          const error = await reading;
          expect(
            error === undefined || error instanceof ProtocolError || error instanceof CloseError,
          ).toBe(true);
          const end = await conn.closed;
          expect([end.code >= 1000, conn.bufferedAmount]).toEqual([true, 0]);
        },
      ),
      { numRuns: 300 },
    );
    await watch.stop();
  });

  async function readBy(conn: Conn, how: string): Promise<unknown> {
    try {
      if (how === "read") for (;;) await conn.readMessage();
      if (how === "iterate") for await (const message of conn) message.text();
      if (how === "each") await conn.forEach(() => {});
      if (how === "reader") for (;;) await (await conn.nextReader()).readAll();
    } catch (error) {
      return error;
    }
    return undefined;
  }

  it("in the handshake's packet, before anybody could look, neither", async () => {
    const watch = watchForCrashes();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (head) => {
        const [socket, other] = memoryDuplexPair();
        other.resume();
        const conn = openConn(socket, head, {
          role: "server",
          options: { heartbeat: false },
          subprotocol: "",
          extensions: "",
        });
        other.end();
        await conn.closed;
      }),
      { numRuns: 150 },
    );
    await watch.stop();
    expect(watch.crashes).toEqual([]);
  });
});
