/** What holds for any bytes and any split: same events, nothing lost, no error but ours. */
import { rawFrame, readRawFrame } from "@longwire/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Endpoint } from "../src/endpoint/endpoint.ts";
import { FrameBatch } from "../src/framing/frame-batch.ts";
import { FrameParser } from "../src/framing/frame-parser.ts";
import type { Role } from "../src/framing/frame.ts";
import { firstByte } from "../src/framing/frame-serializer.ts";
import { ProtocolError } from "../src/index.ts";
import { cutAt } from "./cut-at.ts";
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
