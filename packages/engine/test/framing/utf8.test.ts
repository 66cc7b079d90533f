/** UTF-8 as bytes arrive (RFC 3629, RFC 6455 §8.1): a table, then a decoder as the oracle. */
import { hex } from "@longwire/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUtf8, isValidUtf8, Utf8Validator } from "../../src/framing/utf8.ts";

/** Index of the piece at which the validator gives up, or what it says about the end. */
function verdict(pieces: readonly Uint8Array[]): number | "complete" | "incomplete" {
  const validator = new Utf8Validator();
  for (const [index, piece] of pieces.entries()) {
    if (!validator.push(Buffer.from(piece), 0, piece.length)) return index;
  }
  return validator.complete ? "complete" : "incomplete";
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

/** Judges `bytes` whole, split in two at every byte, and byte by byte; insists on one opinion. */
function judge(bytes: Uint8Array): "complete" | "incomplete" | "invalid" {
  const opinions = new Set<string>();
  const add = (pieces: readonly Uint8Array[]): void => {
    const opinion = verdict(pieces);
    opinions.add(typeof opinion === "number" ? "invalid" : opinion);
  };
  add([bytes]);
  add(bytewise(bytes));
  for (let at = 0; at <= bytes.length; at++) add([bytes.subarray(0, at), bytes.subarray(at)]);
  const [opinion, ...others] = [...opinions];
  if (others.length > 0) throw new Error(`opinions differ: ${[...opinions].join(", ")}`);
  return opinion as "complete"; // one of the three, by the line above
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function decodes(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const VALID: ReadonlyArray<readonly [string, string]> = [
  ["nothing", ""],
  ["U+0000", "00"],
  ["U+007F", "7f"],
  ["U+0080", "c280"],
  ["U+07FF", "dfbf"],
  ["U+0800", "e0a080"],
  ["U+D7FF, below the surrogates", "ed9fbf"],
  ["U+E000, above the surrogates", "ee8080"],
  ["U+FEFF, a byte order mark", "efbbbf"],
  ["U+FFFE and U+FFFF, not characters", "efbfbe efbfbf"],
  ["U+10000", "f0908080"],
  ["U+10FFFF", "f48fbfbf"],
  ["Greek", "ceba e1bdb9 cf83 cebc ceb5"],
  ["characters of 1 to 4 bytes in turn", "24 c2a3 e282ac f0908d88 24"],
];

/** Each with the byte, counted from 1, at which it can't become valid any more. */
const INVALID: ReadonlyArray<readonly [string, string, number]> = [
  ["a lone continuation byte", "80", 1],
  ["the last continuation byte", "bf", 1],
  ["an overlong U+0000", "c080", 1],
  ["an overlong U+007F", "c1bf", 1],
  ["an overlong U+0000 in 3 bytes", "e08080", 2],
  ["an overlong U+07FF in 3 bytes", "e09fbf", 2],
  ["an overlong U+0000 in 4 bytes", "f0808080", 2],
  ["an overlong U+FFFF in 4 bytes", "f08fbfbf", 2],
  ["U+D800, the first surrogate", "eda080", 2],
  ["U+DFFF, the last surrogate", "edbfbf", 2],
  ["a surrogate pair (CESU-8)", "eda081 edb080", 2],
  ["U+110000, above the range", "f4908080", 2],
  ["U+13FFFF", "f4bfbfbf", 2],
  ["a lead byte for more than 4 bytes' range", "f5808080", 1],
  ["a lead byte of 5", "f888808080", 1],
  ["a lead byte of 6", "fc8480808080", 1],
  ["FE", "fe", 1],
  ["FF", "ff", 1],
  ["a 2-byte character cut by ASCII", "c241", 2],
  ["a 3-byte character cut by ASCII", "e28241", 3],
  ["a 4-byte character cut by ASCII", "f09f9841", 4],
  ["a lead byte behind a lead byte", "c2c2", 2],
  ["one continuation byte too many", "c28080", 3],
  ["good text, then a bad byte", "48656c6c6f ff", 6],
  ["the end of the Autobahn text", "cebae1bdb9cf83cebcceb5 eda080", 13],
];

const INCOMPLETE = [
  "c2",
  "df",
  "e0",
  "e0a0",
  "ed9f",
  "ef",
  "f0",
  "f090",
  "f09080",
  "f48fbf",
  "41c3",
];

describe("RFC 6455 §8.1 UTF-8 in pieces", () => {
  it.each(VALID)("accepts %s", (_title, text) => {
    expect(judge(hex(text))).toBe("complete");
    expect(isValidUtf8(hex(text))).toBe(true);
  });

  it.each(INVALID)("rejects %s at the first byte that makes it invalid", (_title, text, at) => {
    expect(judge(hex(text))).toBe("invalid");
    expect(verdict(bytewise(hex(text)))).toBe(at - 1);
    expect(isValidUtf8(hex(text))).toBe(false);
  });

  it.each(INVALID)("rejects %s behind text in the same piece, without more", (_title, text, at) => {
    const bytes = Buffer.concat([Buffer.from("text é "), hex(text).subarray(0, at)]);
    expect(verdict([bytes])).toBe(0);
  });

  it.each(INCOMPLETE)("waits for the rest of %s", (text) => {
    expect(judge(hex(text))).toBe("incomplete");
    expect(isValidUtf8(hex(text))).toBe(false);
  });

  it("fails f4 90 at once, whole and in two pieces", () => {
    expect(verdict([hex("f490")])).toBe(0);
    expect(verdict([hex("f4"), hex("90")])).toBe(1);
  });

  it("forgets everything with reset()", () => {
    const validator = new Utf8Validator();
    for (const unfinished of ["e0", "ed", "f0", "f4", "f09f"]) {
      validator.push(hex(unfinished), 0, hex(unfinished).length);
      expect(validator.complete).toBe(false);
      validator.reset();
      expect(validator.complete).toBe(true);
      expect(validator.push(hex("c280"), 0, 2)).toBe(true);
    }
  });

  it("is what it was when it refuses a piece", () => {
    const validator = new Utf8Validator();
    validator.push(hex("e282"), 0, 2);
    for (const bad of ["ff", "acff", "41", "ace241", "8282", "ace0"]) {
      expect(validator.push(hex(bad), 0, hex(bad).length)).toBe(bad === "ace0");
      expect(validator.complete).toBe(false);
    }
    expect(validator.push(hex("80"), 0, 1)).toBe(false);
    expect(validator.push(hex("a080"), 0, 2)).toBe(true);
    expect(validator.complete).toBe(true);
  });

  it("looks at no byte outside its range", () => {
    const validator = new Utf8Validator();
    expect(validator.push(hex("ff 41 c3a9 ff"), 1, 4)).toBe(true);
    expect(validator.complete).toBe(true);
    expect(validator.push(hex("ff e2 82 ac ff"), 1, 3)).toBe(true);
    expect(validator.push(hex("ff e2 82 ac ff"), 3, 4)).toBe(true);
    expect(validator.complete).toBe(true);
  });

  it("accepts exactly two ASCII bytes, or C2-DF and a continuation, of all pairs", () => {
    const wrong: string[] = [];
    for (let pair = 0; pair < 65_536; pair++) {
      const [first, second] = [pair >> 8, pair & 0xff];
      const ascii = first < 0x80 && second < 0x80;
      const valid = ascii || (first >= 0xc2 && first <= 0xdf && (second & 0xc0) === 0x80);
      const whole = verdict([Buffer.of(first, second)]) === "complete";
      const pieces = verdict([Buffer.of(first), Buffer.of(second)]) === "complete";
      if (whole !== valid || pieces !== valid) wrong.push(pair.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  /** Bytes that are nearly UTF-8: valid text with some bytes changed, dropped or put in. */
  const nearlyText = fc
    .tuple(
      fc.string({ unit: "binary", maxLength: 24 }),
      fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 0x7f, max: 0xff })), { maxLength: 2 }),
    )
    .map(([text, changes]) => {
      const bytes = Buffer.from(text);
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
      return bytes;
    });

  it("agrees with a fatal TextDecoder on anything, split at every byte", () => {
    fc.assert(
      fc.property(fc.oneof(nearlyText, fc.uint8Array({ maxLength: 24 })), (bytes) => {
        expect(judge(bytes) === "complete").toBe(decodes(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it("never waits for more when no continuation could make the text valid", () => {
    const tails = ["", "80", "8080", "a080", "808080", "908080"].map(hex);
    fc.assert(
      fc.property(fc.oneof(nearlyText, fc.uint8Array({ maxLength: 8 })), (bytes) => {
        const canBecomeValid = tails.some((tail) => decodes(Buffer.concat([bytes, tail])));
        expect(judge(bytes) !== "invalid").toBe(canBecomeValid);
      }),
      { numRuns: 500 },
    );
  });
});

describe("decodeUtf8", () => {
  it("gives what Buffer gives, whatever was decoded before", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 80 })), (texts) => {
        for (const text of texts) {
          const bytes = Buffer.from(text);
          expect(decodeUtf8(bytes)).toBe(bytes.toString());
        }
      }),
    );
  });

  it.each([0, 1, 63, 64, 65, 1000])("decodes %i bytes, a piece of others too", (length) => {
    const text = "ab".repeat(500).slice(0, length);
    expect(decodeUtf8(Buffer.from(`x${text}y`).subarray(1, 1 + length))).toBe(text);
  });
});
