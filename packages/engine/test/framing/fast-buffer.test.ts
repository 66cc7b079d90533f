/** Buffers made by the class itself: the same as any other. */
import { describe, expect, it } from "vitest";
import { FastBuffer } from "../../src/framing/fast-buffer.ts";

describe("FastBuffer", () => {
  it.each([0, 1, 64, 65, 5000])("copies %i bytes into memory of their own", (length) => {
    const bytes = Uint8Array.from({ length }, (_, at) => at & 0xff);
    const copy = new FastBuffer(bytes);
    expect(Buffer.isBuffer(copy)).toBe(true);
    expect(copy.equals(bytes)).toBe(true);
    expect([copy.byteOffset, copy.buffer.byteLength]).toEqual([0, length]);
    bytes.fill(7);
    expect(copy.equals(Uint8Array.from({ length }, (_, at) => at & 0xff))).toBe(true);
  });

  it("makes views", () => {
    const memory = Buffer.from("hello, world").buffer;
    const whole = new Uint8Array(memory);
    const view = new FastBuffer(memory, 2, 3);
    expect(Buffer.isBuffer(view)).toBe(true);
    expect([...view]).toEqual([...whole.subarray(2, 5)]);
    whole[2] = 33;
    expect(view.toString("latin1", 0, 1)).toBe("!");
  });
});
