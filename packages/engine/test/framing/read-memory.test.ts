/** The memory of reads: its masking kernel and the copies that are taken out of it. */
import { describe, expect, it } from "vitest";
import { applyMask } from "../../src/framing/masking.ts";
import {
  copyFromReadMemory,
  maskInReadMemory,
  READ_MEMORY_BYTES,
  readMemory,
} from "../../src/framing/read-memory.ts";

function fill(): Buffer {
  for (let at = 0; at < readMemory.length; at++) readMemory[at] = (at * 31 + (at >> 8)) & 0xff;
  return Buffer.from(readMemory);
}

describe("the masking kernel", () => {
  it("is in use", () => {
    expect(maskInReadMemory).toBeTypeOf("function");
    expect(readMemory.length).toBe(READ_MEMORY_BYTES);
  });

  it("does what the same function does elsewhere, at every length, start and offset", () => {
    const wrong: string[] = [];
    const original = fill();
    for (let length = 0; length <= 300; length++) {
      for (const start of [0, 1, 5, 14, 63]) {
        const expected = Buffer.from(original.subarray(0, 400));
        const offset = length & 7;
        applyMask(expected, start, start + length, 0xfe_12_80_01 | 0, offset);
        applyMask(readMemory, start, start + length, 0xfe_12_80_01 | 0, offset);
        if (!expected.equals(readMemory.subarray(0, 400)))
          wrong.push(`${length} bytes at ${start}, offset ${offset}`);
        original.copy(readMemory, 0, 0, 400);
      }
    }
    expect(original.equals(readMemory)).toBe(true);
    expect(wrong).toEqual([]);
  });

  it("does it to the last byte of the memory", () => {
    const expected = fill();
    applyMask(expected, 3, READ_MEMORY_BYTES, 0x01_02_03_04, 2);
    applyMask(readMemory, 3, READ_MEMORY_BYTES, 0x01_02_03_04, 2);
    expect(expected.equals(readMemory)).toBe(true);
  });
});

describe("a copy of read bytes", () => {
  it("is what was there, at every length and start, and stays so", () => {
    const source = fill();
    const copies: { copy: Buffer; from: number }[] = [];
    for (let length = 0; length <= 600; length++) {
      const from = (length * 17) % 1000;
      copies.push({ copy: copyFromReadMemory(from, from + length), from });
    }
    readMemory.fill(0);
    const wrong = copies.filter(
      ({ copy, from }, length) => !copy.equals(source.subarray(from, from + length)),
    );
    expect(wrong).toEqual([]);
  });

  it("keeps nothing beside itself up to 64 bytes and above 512, else 2 KiB", () => {
    fill();
    for (const length of [0, 1, 64, 65, 500, 512, 513, 5000]) {
      const copy = copyFromReadMemory(0, length);
      const isShared = length > 64 && length <= 512;
      expect(copy.buffer.byteLength).toBe(isShared ? 2048 : length);
    }
  });
});

describe("what the kernel tells of the result", () => {
  it("is that all is ASCII, whichever byte is not", () => {
    const wrong: string[] = [];
    for (const length of [1, 3, 15, 16, 17, 64, 100, 130]) {
      for (let place = -1; place < length; place++) {
        readMemory.fill(0x61, 0, length);
        if (place >= 0) readMemory[place] = 0xc3;
        applyMask(readMemory, 0, length, 0x9a_01_f0_33 | 0, 0);
        const ascii = applyMask(readMemory, 0, length, 0x9a_01_f0_33 | 0, 0);
        if (ascii !== place < 0) wrong.push(`${length} bytes, place ${place}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("is nothing of other memory", () => {
    expect(applyMask(Buffer.from("abc"), 0, 3, 0, 0)).toBe(false);
  });
});
