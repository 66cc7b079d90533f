/** Masking: the XOR at every size, alignment and offset, and where the keys come from (RFC 6455 §5.3, §10.3). */
import { hex, toHex } from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { applyMask, createMaskingKeySource } from "../../src/framing/masking.ts";

const MAX_SIZE = 1024;
const GUARD = 0xee;

/** "transformed-octet-i = original-octet-i XOR masking-key-octet-j", j = i MOD 4. */
function maskByTheBook(bytes: Uint8Array, key: number, offset: number): Uint8Array {
  const keyBytes = [key >>> 24, (key >>> 16) & 0xff, (key >>> 8) & 0xff, key & 0xff];
  return bytes.map((byte, at) => byte ^ (keyBytes[(at + offset) % 4] ?? 0));
}

/** A view whose memory begins at `alignment`, with guard bytes on both sides of `[start, start + size)`. */
function guarded(alignment: number, start: number, size: number): Uint8Array {
  const memory = new ArrayBuffer(alignment + start + size + 8);
  const view = new Uint8Array(memory, alignment).fill(GUARD);
  for (let at = 0; at < size; at++) view[start + at] = (at * 31 + 7) & 0xff;
  return view;
}

/** Compares with the definition and returns what is different, or nothing. */
function difference(alignment: number, start: number, size: number, key: number, offset: number) {
  const view = guarded(alignment, start, size);
  const expected = guarded(alignment, start, size);
  expected.set(maskByTheBook(expected.subarray(start, start + size), key, offset), start);
  applyMask(view, start, start + size, key, offset);
  if (Buffer.compare(view, expected) === 0) return undefined;
  return `size ${size}, memory at ${alignment}, start ${start}, offset ${offset}`;
}

describe("RFC 6455 §5.3 masking", () => {
  it.each([0, 1, 2, 3])("equals the definition from payload offset %i on", (offset) => {
    const wrong: string[] = [];
    for (let size = 0; size <= MAX_SIZE; size++) {
      for (let alignment = 0; alignment < 8; alignment++) {
        const found = difference(alignment, 0, size, 0x37_fa_21_3d, offset);
        if (found !== undefined) wrong.push(found);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("equals the definition when it begins inside a view", () => {
    const wrong: string[] = [];
    for (let start = 0; start < 8; start++) {
      for (let alignment = 0; alignment < 8; alignment++) {
        for (const size of [0, 1, 3, 4, 63, 64, 65, 66, 67, 68, 127, 500]) {
          for (const key of [0, -1, 0x80_00_00_00 | 0, 0x01_02_03_04, 0xfe_dc_ba_98 | 0]) {
            const found = difference(alignment, start, size, key, size & 3);
            if (found !== undefined) wrong.push(found);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it("takes offsets far into a payload", () => {
    for (const offset of [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 3, 2 ** 52 + 1]) {
      expect(difference(0, 0, 100, 0x01_02_03_04, offset), `offset ${offset}`).toBeUndefined();
    }
  });

  it("gives the bytes back when it is applied twice", () => {
    const bytes = hex("48656c6c6f");
    applyMask(bytes, 0, 5, 0x37_fa_21_3d, 0);
    expect(toHex(bytes)).toBe("7f 9f 4d 51 58");
    applyMask(bytes, 0, 5, 0x37_fa_21_3d, 0);
    expect(bytes.toString()).toBe("Hello");
  });

  it("works in shared memory", () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(200));
    applyMask(bytes, 1, 199, 0x01_02_03_04, 0);
    expect([...bytes.subarray(0, 6)]).toEqual([0, 1, 2, 3, 4, 1]);
    expect(bytes[199]).toBe(0);
  });
});

describe("source of masking keys", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("takes keys from crypto.getRandomValues, 8 KiB at a time", () => {
    const random = vi.spyOn(crypto, "getRandomValues");
    const next = createMaskingKeySource();
    expect(random).not.toHaveBeenCalled();
    for (let key = 0; key < 2048; key++) next();
    expect(random).toHaveBeenCalledTimes(1);
    next();
    expect(random).toHaveBeenCalledTimes(2);
  });

  it("gives each key once and leaves it nowhere", () => {
    let pool: Int32Array | undefined;
    vi.spyOn(crypto, "getRandomValues").mockImplementation((array) => {
      if (!(array instanceof Int32Array)) throw new Error("expected words");
      pool = array;
      pool.forEach((_, at) => (array[at] = at + 1));
      return array;
    });
    const next = createMaskingKeySource();
    expect([next(), next(), next()]).toEqual([1, 2, 3]);
    expect([...(pool?.subarray(0, 4) ?? [])]).toEqual([0, 0, 0, 4]);
  });

  it("gives two sources different keys", () => {
    const one = createMaskingKeySource();
    const other = createMaskingKeySource();
    const keys = Array.from({ length: 64 }, () => [one(), other()]).flat();
    // 128 keys of 32 bits: two that are alike happen once in half a million runs, three once in 10^13.
    expect(new Set(keys).size).toBeGreaterThan(125);
  });
});
