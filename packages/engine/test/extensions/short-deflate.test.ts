/** The encoder for short messages, held against a plain inflater and against zlib. */
import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deflateShort, MAX_SHORT_BYTES } from "../../src/extensions/short-deflate.ts";
import { inflateTokens } from "../compression/reference-inflate.ts";
import { Seeded } from "../compression/sample-text.ts";

const EMPTY_BLOCK = "0000ffff";
const FULL_WINDOW = 32_768;

/** Inflates what the encoder gives, and checks that it ends as RFC 7692 §7.2.1 wants it. */
function roundTrip(
  message: Uint8Array,
  dictionary?: Uint8Array,
  maxDistance = FULL_WINDOW,
): ReturnType<typeof inflateTokens> & { readonly length: number } {
  const blocks = Buffer.from(deflateShort(message, dictionary, maxDistance));
  expect(blocks.subarray(-4).toString("hex")).toBe(EMPTY_BLOCK);
  const tokens = inflateTokens(blocks, dictionary);
  expect(tokens.plaintext.equals(Buffer.from(message))).toBe(true);
  expect(tokens.blocks.at(-1)).toBe(0);
  return { ...tokens, length: blocks.length };
}

/** Pieces that repeat, so that there is something to match. */
const repetitive = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 })
  .chain((pieces) => fc.array(fc.constantFrom(...pieces), { maxLength: 150 }))
  .map((pieces) => Buffer.concat(pieces).subarray(0, MAX_SHORT_BYTES));

describe("deflateShort()", () => {
  it("gives back any message, with any dictionary, within any window", () => {
    fc.assert(
      fc.property(
        fc.oneof(repetitive, fc.uint8Array({ maxLength: 300 })),
        fc.option(repetitive, { nil: undefined }),
        fc.integer({ min: 8, max: 15 }),
        (message, dictionary, bits) => {
          const { matches } = roundTrip(message, dictionary, 2 ** bits);
          for (const { length, distance } of matches) {
            expect(distance).toBeLessThanOrEqual(2 ** bits);
            expect(length).toBeGreaterThanOrEqual(4);
            expect(length).toBeLessThanOrEqual(258);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("zlib inflates it too, at every length", () => {
    const random = new Seeded(7);
    const dictionary = random.json(4096);
    for (let length = 0; length <= MAX_SHORT_BYTES; length += 1 + random.below(40)) {
      const message = random.json(length).subarray(0, length);
      const blocks = deflateShort(message, dictionary, FULL_WINDOW);
      expect(inflateRawSync(blocks, { dictionary, finishFlush: 2 }).equals(message)).toBe(true);
    }
  });

  it("every length of match and distance has its code", () => {
    // 4 to 258 bytes of the dictionary, from every distance that the history can have.
    const dictionary = new Seeded(3).noise(4096);
    for (let length = 4; length <= 258; length++) {
      const at = (length * 811) % (dictionary.length - length);
      const { matches } = roundTrip(dictionary.subarray(at, at + length), dictionary);
      expect(matches).toEqual([{ length, distance: dictionary.length - at }]);
    }
    for (let distance = 4; distance <= 4096; distance += 3) {
      const from = dictionary.length - distance;
      const { matches } = roundTrip(dictionary.subarray(from, from + 4), dictionary);
      expect(matches[0]?.distance ?? distance).toBe(distance);
    }
  });

  it("a match may overlap itself", () => {
    const { matches } = roundTrip(Buffer.alloc(2000, "a"));
    expect(matches.every(({ length, distance }) => distance < length)).toBe(true);
    expect(matches.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(1990);
  });

  it("looks at no more than the window, and at the last 4 KiB of the dictionary", () => {
    const dictionary = Buffer.concat([Buffer.from("needle in a haystack"), Buffer.alloc(4096)]);
    const message = Buffer.from("needle in a haystack");
    expect(roundTrip(message, dictionary).matches).toEqual([]);
    expect(roundTrip(message, dictionary.subarray(0, 1024)).matches).toHaveLength(1);
    expect(roundTrip(message, dictionary.subarray(0, 1024), 256).matches).toEqual([]);
    const far = Buffer.concat([message, Buffer.alloc(600, 1), message]);
    expect(roundTrip(far, undefined, 512).matches.some(({ distance }) => distance > 512)).toBe(
      false,
    );
    expect(roundTrip(far, undefined, 1024).matches.some(({ distance }) => distance > 512)).toBe(
      true,
    );
  });

  it("sends noise as it is, with 10 bytes around it", () => {
    const random = new Seeded(5);
    for (const length of [1, 100, MAX_SHORT_BYTES]) {
      expect(roundTrip(random.noise(length)).length).toBeLessThanOrEqual(length + 10);
    }
    expect(roundTrip(random.noise(1000)).blocks).toEqual([0, 0]); // stored
  });

  it("a call leaves nothing for the next: the result depends on its arguments alone", () => {
    const random = new Seeded(11);
    const messages = Array.from({ length: 60 }, () =>
      random.json(random.below(1500)).subarray(0, 1500),
    );
    const encode = (message: Buffer, at: number): string =>
      deflateShort(message, messages[at - 1], FULL_WINDOW).toString("hex");
    const first = messages.map(encode);
    for (let times = 0; times < 20; times++) expect(messages.map(encode)).toEqual(first);
  });

  it("compresses JSON behind JSON to less than half", () => {
    const random = new Seeded(13);
    const [before, message] = [random.json(2000), random.json(1000)];
    expect(roundTrip(message, before).length).toBeLessThan(message.length / 2);
  });
});
