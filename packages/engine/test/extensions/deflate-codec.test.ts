/** The codecs: Node's public functions, zlib's pooled handles, and the encoder for short messages before either. */
import { deflateRawSync } from "node:zlib";
import { expectFlatMemory } from "@longwire/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withShortDeflate } from "../../src/extensions/choose-codec.ts";
import {
  MAX_STREAMS_IN_A_MESSAGE,
  publicCodec,
  TAIL_BYTES,
  type DeflateCodec,
} from "../../src/extensions/deflate-codec.ts";
import { openPooledCodec } from "../../src/extensions/pooled-zlib.ts";
import { inflateTokens } from "../compression/reference-inflate.ts";
import { Seeded } from "../compression/sample-text.ts";

function pooledCodec(): DeflateCodec {
  const codec = openPooledCodec();
  if (codec === undefined)
    throw new Error(`zlib's handles of Node ${process.version} were refused`);
  return codec;
}

const CODECS: ReadonlyArray<readonly [string, DeflateCodec]> = [
  ["public", publicCodec],
  ["pooled", pooledCodec()],
  ["short before public", withShortDeflate(publicCodec)],
  ["short before pooled", withShortDeflate(pooledCodec())],
];

const SETTINGS = { level: 1, memLevel: 5, windowBits: 12, dictionary: undefined } as const;
const LIMITS = { windowBits: 12, dictionary: undefined, limit: 1_048_576 } as const;

/** What zlib says of data that can't be. */
const CORRUPT = /invalid|unexpected end|incorrect/u;

const random = new Seeded(17);
const TEXT = random.json(3000);
const LONG = Buffer.concat(Array.from({ length: 60 }, () => random.json(4000)));

describe.each(CODECS)("codec %s", (_name, codec) => {
  /** Compresses, takes the tail off as a sender does, and copies: the result lives only until the next call. */
  function payloadOf(
    message: Uint8Array,
    settings: Parameters<DeflateCodec["deflate"]>[1],
  ): Buffer {
    const blocks = codec.deflate(message, settings);
    expect(blocks.subarray(-TAIL_BYTES).toString("hex")).toBe("0000ffff");
    return Buffer.from(blocks.subarray(0, -TAIL_BYTES));
  }

  it.each([-2, -1, 0, 1, 2, 6, 9])("round trip at level %i", (level) => {
    for (const message of [
      Buffer.from("a"),
      TEXT,
      LONG,
      Buffer.alloc(200_000),
      random.noise(70_000),
    ]) {
      const payload = payloadOf(message, { ...SETTINGS, level });
      expect(codec.inflate(payload, LIMITS)?.equals(message)).toBe(true);
    }
  });

  it.each([8, 9, 10, 11, 12, 13, 14, 15])("keeps to a window of %i bits", (windowBits) => {
    const dictionary = LONG.subarray(0, 2 ** windowBits);
    for (const level of [1, 6]) {
      for (const message of [TEXT.subarray(0, 900), LONG.subarray(0, 20_000)]) {
        const payload = payloadOf(message, { ...SETTINGS, level, windowBits, dictionary });
        const blocks = Buffer.concat([payload, Buffer.from("0000ffff", "hex")]);
        const { matches, plaintext } = inflateTokens(blocks, dictionary);
        expect(plaintext.equals(message)).toBe(true);
        expect(Math.max(...matches.map(({ distance }) => distance))).toBeLessThanOrEqual(
          2 ** windowBits,
        );
        const settings = { windowBits, dictionary, limit: message.length };
        expect(codec.inflate(payload, settings)?.equals(message)).toBe(true);
      }
    }
  });

  it("the dictionary counts, and another one gives other bytes", () => {
    const message = TEXT.subarray(0, 1000);
    const alone = payloadOf(message, SETTINGS);
    const behind = payloadOf(message, { ...SETTINGS, dictionary: TEXT });
    expect(behind.length).toBeLessThan(alone.length / 4);
    expect(codec.inflate(behind, { ...LIMITS, dictionary: TEXT })?.equals(message)).toBe(true);
    const wrong = codec.inflate(behind, { ...LIMITS, dictionary: Buffer.alloc(TEXT.length) });
    expect(wrong?.equals(message)).toBe(false);
  });

  it("gives a result of exactly the limit, and none of one byte more", () => {
    for (const message of [TEXT, LONG, Buffer.alloc(65_536, "x"), Buffer.alloc(65_537, "x")]) {
      const payload = payloadOf(message, SETTINGS);
      const { length } = message;
      expect(codec.inflate(payload, { ...LIMITS, limit: length })?.length).toBe(length);
      expect(codec.inflate(payload, { ...LIMITS, limit: length - 1 })).toBeUndefined();
      expect(codec.inflate(payload, { ...LIMITS, limit: Infinity })?.length).toBe(length);
    }
    expect(codec.inflate(payloadOf(TEXT, SETTINGS), { ...LIMITS, limit: 1 })).toBeUndefined();
  });

  it("finds every truncation", () => {
    const payload = payloadOf(TEXT.subarray(0, 500), { ...SETTINGS, level: 6 });
    for (let length = 1; length < payload.length; length++) {
      expect(() => codec.inflate(payload.subarray(0, length), LIMITS), `${length}`).toThrow(
        CORRUPT,
      );
    }
  });

  it("throws for corrupt data or gives some plaintext, and is as good as before", () => {
    const payload = payloadOf(TEXT, { ...SETTINGS, level: 6 });
    let corrupt = 0;
    for (let bit = 0; bit < payload.length * 8; bit += 7) {
      const damaged = Buffer.from(payload);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        codec.inflate(damaged, LIMITS);
      } catch {
        corrupt++;
      }
      expect(codec.inflate(payload, LIMITS)?.equals(TEXT)).toBe(true);
    }
    expect(corrupt).toBeGreaterThan(100);
  });

  it("any bytes at all either inflate or throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const outcome = (each: DeflateCodec): string => {
          try {
            return each.inflate(bytes, LIMITS)?.toString("hex") ?? "too long";
          } catch {
            return "corrupt";
          }
        };
        expect(outcome(codec)).toBe(outcome(publicCodec));
      }),
      { numRuns: 2000 },
    );
  });

  describe("RFC 7692 §7.2.3.4: a block with BFINAL inside a message", () => {
    const final = (text: string): Buffer => deflateRawSync(text);

    it("goes on with the next block", () => {
      const payload = Buffer.concat([final("Hello, "), final("World"), Buffer.of(0)]);
      expect(codec.inflate(payload, LIMITS)?.toString()).toBe("Hello, World");
    });

    it("the next block may refer to what came before, within the message and before it", () => {
      const dictionary = Buffer.from("a dictionary before all");
      const first = deflateRawSync("a dictionary, part one, ", { dictionary });
      const known = Buffer.concat([dictionary, Buffer.from("a dictionary, part one, ")]);
      const second = deflateRawSync("a dictionary, part two", { dictionary: known });
      const payload = Buffer.concat([first, second, Buffer.of(0)]);
      expect(codec.inflate(payload, { ...LIMITS, dictionary })?.toString()).toBe(
        "a dictionary, part one, a dictionary, part two",
      );
    });

    it("the limit is that of the message", () => {
      const payload = Buffer.concat([final("x".repeat(600)), final("x".repeat(600)), Buffer.of(0)]);
      expect(codec.inflate(payload, { ...LIMITS, limit: 1200 })?.length).toBe(1200);
      expect(codec.inflate(payload, { ...LIMITS, limit: 1199 })).toBeUndefined();
    });

    it("the block behind it must not be missing", () => {
      expect(() => codec.inflate(final("Hello"), LIMITS)).toThrow(CORRUPT);
    });

    it("so many as nobody sends are corrupt data", () => {
      const empty = Buffer.from("0300", "hex");
      const many = (count: number): Buffer =>
        Buffer.concat([...Array<Buffer>(count).fill(empty), Buffer.of(0)]);
      expect(codec.inflate(many(MAX_STREAMS_IN_A_MESSAGE - 1), LIMITS)?.length).toBe(0);
      expect(() => codec.inflate(many(MAX_STREAMS_IN_A_MESSAGE), LIMITS)).toThrow(
        "deflate streams",
      );
    });
  });

  it("plaintext is in memory of its own, and of no more than a quarter beyond its length", () => {
    for (const message of [Buffer.from("short"), TEXT, LONG.subarray(0, 20_000), LONG]) {
      const payload = payloadOf(message, SETTINGS);
      const [one, other] = [codec.inflate(payload, LIMITS), codec.inflate(payload, LIMITS)];
      other?.fill(0);
      expect(one?.equals(message)).toBe(true);
      expect(one?.buffer.byteLength).toBeLessThanOrEqual(message.length * 1.25);
    }
  });

  it("keeps nothing of a call for a later one, whichever settings come between", () => {
    const kinds = [1, 6, 9].flatMap((level) =>
      [9, 12, 15].map((windowBits) => ({ ...SETTINGS, level, windowBits })),
    );
    const once = kinds.map((settings) => payloadOf(TEXT, settings).toString("hex"));
    for (let round = 0; round < 3; round++) {
      for (const [at, settings] of kinds.entries()) {
        codec.deflate(LONG, { ...settings, dictionary: LONG.subarray(0, 512) });
        expect(payloadOf(TEXT, settings).toString("hex")).toBe(once[at]);
      }
    }
  });

  it("calls leave no memory behind", async () => {
    const payload = payloadOf(TEXT, SETTINGS);
    const dictionary = TEXT.subarray(0, 2000);
    await expectFlatMemory(
      () => {
        for (let call = 0; call < 100; call++) {
          codec.deflate(TEXT, { ...SETTINGS, dictionary });
          codec.inflate(payload, LIMITS);
          expect(() => codec.inflate(payload.subarray(0, 50), LIMITS)).toThrow(CORRUPT);
        }
      },
      // V8 hears late of what zlib has given back: a leak of 300 calls' state would be 10 MiB and more.
      { rounds: 30, warmUpRounds: 20, maxGrowthBytes: 6_291_456 },
    );
  });
});
