/** Frames that wait for one write: what is copied, what goes by reference, and whose memory is whose. */
import { hex, readRawFrame, toHex } from "@longwire/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameBatch, MAX_COPIED_PAYLOAD_BYTES } from "../../src/framing/frame-batch.ts";

const TEXT = 0x81;
const BINARY = 0x82;
const KEY = 0x37_fa_21_3d;

function serverBatch(): FrameBatch {
  return new FrameBatch(undefined);
}

/** A client's batch whose keys count up from 1. */
function clientBatch(): FrameBatch {
  let key = 0;
  return new FrameBatch(() => ++key);
}

/** Takes everything as the socket would, bytes joined, and settles. */
function drain(batch: FrameBatch): Buffer {
  const bytes = Buffer.concat(batch.take());
  batch.settle(true);
  return bytes;
}

/** Reads frames until `bytes` end; throws when they end inside one. */
function readFrames(bytes: Buffer): Array<{ opcode: number; masked: boolean; payload: Buffer }> {
  const frames: Array<{ opcode: number; masked: boolean; payload: Buffer }> = [];
  for (let at = 0; at < bytes.length;) {
    const read = readRawFrame(bytes.subarray(at));
    if (read === undefined) throw new Error(`bytes end inside a frame at ${at}`);
    frames.push(read.frame);
    at += read.size;
  }
  return frames;
}

describe("FrameBatch of a server", () => {
  it("puts frames one behind the other, unmasked", () => {
    const batch = serverBatch();
    batch.append(TEXT, "Hello");
    batch.append(BINARY, hex("0102"));
    batch.append(0x89, hex(""));
    expect(batch.byteLength).toBe(7 + 4 + 2);
    expect(toHex(drain(batch))).toBe("81 05 48 65 6c 6c 6f 82 02 01 02 89 00");
    expect(batch.byteLength).toBe(0);
  });

  it("gives nothing when nothing waits", () => {
    const batch = serverBatch();
    expect(batch.take()).toEqual([]);
    batch.settle(true);
    expect(batch.byteLength).toBe(0);
  });

  it.each([
    ["", 0],
    ["a".repeat(41), 41],
    ["a".repeat(42), 42],
    ["a".repeat(125), 125],
    ["a".repeat(126), 126],
    ["é".repeat(62), 124],
    ["é".repeat(63), 126],
    ["€".repeat(41), 123],
    ["€".repeat(42), 126],
    ["👋".repeat(5000), 20_000],
    ["a".repeat(65_535), 65_535],
    ["é".repeat(32_768), 65_536],
    ["\ud800", 3],
  ])("writes text %# as UTF-8 with the fewest length bytes", (text, bytes) => {
    const batch = serverBatch();
    batch.append(TEXT, text);
    const wire = drain(batch);
    expect(wire.length).toBe(bytes + (bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10));
    expect(readFrames(wire).map(({ payload }) => payload.toString())).toEqual([
      Buffer.from(text).toString(),
    ]);
  });

  it("copies up to 16 KiB: the caller may change its memory at once", () => {
    const batch = serverBatch();
    const payload = Buffer.alloc(MAX_COPIED_PAYLOAD_BYTES, 1);
    batch.append(BINARY, payload);
    payload.fill(2);
    expect(readFrames(drain(batch))[0]?.payload.every((byte) => byte === 1)).toBe(true);
  });

  it("passes more than 16 KiB on by reference, in order with what is copied", () => {
    const batch = serverBatch();
    const large = Buffer.alloc(MAX_COPIED_PAYLOAD_BYTES + 1, 1);
    batch.append(TEXT, "before");
    batch.append(BINARY, large);
    batch.append(TEXT, "after");
    expect(batch.byteLength).toBe(8 + 4 + large.length + 7);
    const pieces = batch.take();
    expect(pieces).toHaveLength(3);
    expect(pieces[1]).toBe(large);
    expect(readFrames(Buffer.concat(pieces)).map(({ payload }) => payload.length)).toEqual([
      6,
      large.length,
      5,
    ]);
    batch.settle(true);
  });

  it("takes any view without its surroundings", () => {
    const batch = serverBatch();
    batch.append(BINARY, new Uint8Array(Uint8Array.from([9, 1, 2, 9]).buffer, 1, 2));
    expect(toHex(drain(batch))).toBe("82 02 01 02");
  });

  it("grows past one scratch buffer without losing or reordering anything", () => {
    const batch = serverBatch();
    const sizes = [30_000, 100, 16_384, 16_384, 16_384, 5, 16_000, 20_000, 1];
    for (const [index, size] of sizes.entries()) batch.append(BINARY, Buffer.alloc(size, index));
    const frames = readFrames(drain(batch));
    expect(frames.map(({ payload }) => payload.length)).toEqual(sizes);
    expect(frames.every(({ payload }, at) => payload.every((byte) => byte === at))).toBe(true);
  });
});

describe("FrameBatch of a client", () => {
  it("masks every frame with a key of its own", () => {
    const batch = clientBatch();
    batch.append(TEXT, "Hello");
    batch.append(BINARY, hex("ffff"));
    batch.append(0x8a, hex(""));
    expect(toHex(drain(batch))).toBe(
      "81 85 00 00 00 01 48 65 6c 6d 6f 82 82 00 00 00 02 ff ff 8a 80 00 00 00 03",
    );
  });

  it("writes RFC 6455 §5.7's masked Hello", () => {
    const batch = new FrameBatch(() => KEY);
    batch.append(TEXT, Buffer.from("Hello"));
    expect(toHex(drain(batch))).toBe("81 85 37 fa 21 3d 7f 9f 4d 51 58");
  });

  it.each([0, 1, 125, 126, MAX_COPIED_PAYLOAD_BYTES, MAX_COPIED_PAYLOAD_BYTES + 1, 70_001])(
    "never touches the caller's %i bytes",
    (size) => {
      const batch = new FrameBatch(() => KEY);
      const payload = Buffer.alloc(size, 0x5a);
      batch.append(BINARY, payload);
      const [frame] = readFrames(drain(batch));
      expect(frame?.masked).toBe(true);
      expect(frame?.payload.equals(payload)).toBe(true);
      expect(payload.every((byte) => byte === 0x5a)).toBe(true);
    },
  );

  it("masks text of every size", () => {
    for (const size of [0, 1, 41, 42, 125, 126, 1000, 16_384, 16_385, 70_000]) {
      const batch = new FrameBatch(() => KEY);
      batch.append(TEXT, "x".repeat(size));
      expect(readFrames(drain(batch))[0]?.payload.toString()).toBe("x".repeat(size));
    }
  });
});

describe("frames that many connections share", () => {
  const small = hex("81 02 6869");

  it("go by reference, however short, in order with the rest", () => {
    const one = serverBatch();
    const other = serverBatch();
    one.append(TEXT, "a");
    one.appendShared(small);
    one.append(TEXT, "b");
    other.appendShared(small);
    expect(one.byteLength).toBe(10);
    const [first, second] = [one.take(), other.take()];
    expect(toHex(Buffer.concat(first))).toBe("81 01 61 81 02 68 69 81 01 62");
    expect(first[1]).toBe(small);
    expect(second[0]).toBe(small);
    one.settle(true);
    other.settle(true);
    expect(toHex(small)).toBe("81 02 68 69");
  });
});

describe("the scratch buffer of the process", () => {
  it("is used again by the next batch once its bytes are written", () => {
    const first = serverBatch();
    first.append(TEXT, "one");
    const [piece] = first.take();
    first.settle(true);
    const second = serverBatch();
    second.append(TEXT, "two");
    const [next] = second.take();
    second.settle(true);
    expect(next?.buffer).toBe(piece?.buffer);
  });

  it("is given away, not written over, while the socket still has its bytes", () => {
    const first = serverBatch();
    first.append(TEXT, "still in flight");
    const inFlight = first.take();
    first.settle(false);
    const second = serverBatch();
    second.append(TEXT, "XXXXXXXXXXXXXXXXXXXX");
    first.append(TEXT, "YYYYYYYYYYYYYYYYYYYY");
    expect(readFrames(Buffer.concat(inFlight))[0]?.payload.toString()).toBe("still in flight");
    expect(readFrames(drain(second))[0]?.payload.toString()).toBe("XXXXXXXXXXXXXXXXXXXX");
    expect(readFrames(drain(first))[0]?.payload.toString()).toBe("YYYYYYYYYYYYYYYYYYYY");
  });

  it("serves one batch; others that fill meanwhile have memory of their own", () => {
    const batches = Array.from({ length: 5 }, serverBatch);
    for (let round = 0; round < 400; round++) {
      for (const [index, batch] of batches.entries()) batch.append(TEXT, `${index}:${round}`);
    }
    for (const [index, batch] of batches.entries()) {
      const texts = readFrames(drain(batch)).map(({ payload }) => payload.toString());
      expect(texts).toEqual(Array.from({ length: 400 }, (_, round) => `${index}:${round}`));
    }
  });

  it("keeps what is added between take() and settle(), by a transport that answers at once", () => {
    for (const written of [true, false]) {
      const batch = serverBatch();
      batch.append(TEXT, "one");
      const pieces = batch.take();
      batch.append(TEXT, "two");
      batch.settle(written);
      batch.append(TEXT, "three");
      expect(batch.byteLength).toBe(12);
      expect(readFrames(Buffer.concat(pieces))[0]?.payload.toString()).toBe("one");
      const rest = readFrames(drain(batch)).map(({ payload }) => payload.toString());
      expect(rest).toEqual(["two", "three"]);
    }
  });

  it("is free again after clear()", () => {
    const first = serverBatch();
    first.append(TEXT, "dropped");
    first.clear();
    expect(first.byteLength).toBe(0);
    expect(first.take()).toEqual([]);
    first.settle(true);
    const [second, third] = [serverBatch(), serverBatch()];
    second.append(TEXT, "kept");
    third.append(TEXT, "own");
    expect(readFrames(drain(second))[0]?.payload.toString()).toBe("kept");
    expect(readFrames(drain(third))[0]?.payload.toString()).toBe("own");
  });

  it("keeps any number of batches apart, whatever they do in whatever order", () => {
    const step = fc.record({
      who: fc.nat(3),
      what: fc.constantFrom("text", "bytes", "large", "shared", "take", "takeBlocked"),
      size: fc.nat(3000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const batches = Array.from({ length: 4 }, (_, at) =>
          at % 2 === 0 ? serverBatch() : clientBatch(),
        );
        const sent: Buffer[][] = batches.map(() => []);
        const pieces: Uint8Array[][] = batches.map(() => []);
        for (const [at, { who, what, size }] of steps.entries()) {
          const batch = batches[who]!; // who is below 4
          const payload = Buffer.alloc(what === "large" ? 17_000 + size : size, (at % 26) | 0x60);
          if (what === "take" || what === "takeBlocked") {
            const taken = batch.take();
            // What the kernel has taken is copied by it; what is blocked stays where it is.
            pieces[who]!.push(...(what === "take" ? taken.map((p) => Buffer.from(p)) : taken));
            batch.settle(what === "take");
            continue;
          }
          sent[who]!.push(payload);
          if (what === "text") batch.append(TEXT, payload.toString());
          else if (what === "shared") {
            const frame = new FrameBatch(who % 2 === 0 ? undefined : () => KEY);
            frame.append(BINARY, payload);
            batch.appendShared(drain(frame));
          } else batch.append(BINARY, payload);
        }
        for (const [who, batch] of batches.entries()) {
          const wire = Buffer.concat([...pieces[who]!, ...batch.take()]);
          batch.settle(true);
          const received = readFrames(wire).map(({ payload }) => payload);
          expect(Buffer.concat(received).equals(Buffer.concat(sent[who]!))).toBe(true);
          expect(received.length).toBe(sent[who]!.length);
        }
      }),
      { numRuns: 100 },
    );
  });
});
