/** Frame headers out, against an independent writer and reader of frames (RFC 6455 §5.2). */
import { rawFrame, readRawFrame, toHex } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { firstByte, headerSize, writeHeader } from "../../src/framing/frame-serializer.ts";

const KEY = 0x37_fa_21_3d;
const KEY_BYTES = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

function header(first: number, length: number, key?: number): string {
  const target = Buffer.alloc(14);
  const end = writeHeader(target, 0, first, length, key);
  return toHex(target.subarray(0, end));
}

describe("RFC 6455 §5.2 header", () => {
  it.each([
    [0, "82 00"],
    [125, "82 7d"],
    [126, "82 7e 00 7e"],
    [65_535, "82 7e ff ff"],
    [65_536, "82 7f 00 00 00 00 00 01 00 00"],
    [2 ** 31, "82 7f 00 00 00 00 80 00 00 00"],
    [2 ** 32 - 1, "82 7f 00 00 00 00 ff ff ff ff"],
    [2 ** 32, "82 7f 00 00 00 01 00 00 00 00"],
    [2 ** 53 - 1, "82 7f 00 1f ff ff ff ff ff ff"],
  ])("uses the fewest bytes for a length of %i", (length, expected) => {
    expect(header(0x82, length)).toBe(expected);
    expect(headerSize(length, false)).toBe(expected.split(" ").length);
  });

  it.each([0, 125, 126, 65_535, 65_536])(
    "puts the masking key behind a length of %i and sets the mask bit",
    (length) => {
      const frame = rawFrame({ opcode: 2, payload: Buffer.alloc(length), mask: KEY_BYTES });
      const size = headerSize(length, true);
      expect(header(0x82, length, KEY)).toBe(toHex(frame.subarray(0, size)));
    },
  );

  it("writes keys with the top bit set, and a key of zero", () => {
    expect(header(0x81, 0, -1)).toBe("81 80 ff ff ff ff");
    expect(header(0x81, 0, 0x80_00_00_01 | 0)).toBe("81 80 80 00 00 01");
    expect(header(0x81, 0, 0)).toBe("81 80 00 00 00 00");
  });

  it("writes nowhere but at its place", () => {
    const target = Buffer.alloc(32, 0xee);
    expect(writeHeader(target, 5, 0x82, 70_000, KEY)).toBe(19);
    expect(toHex(target.subarray(0, 5))).toBe("ee ee ee ee ee");
    expect(target.subarray(19).every((byte) => byte === 0xee)).toBe(true);
  });

  it("writes what an independent reader reads", () => {
    for (let length = 0; length <= 300; length++) {
      for (const key of [undefined, KEY]) {
        const frame = Buffer.alloc(headerSize(length, key !== undefined) + length);
        writeHeader(frame, 0, 0x82, length, key);
        const read = readRawFrame(frame);
        expect(read?.size).toBe(frame.length);
        expect(read?.frame).toMatchObject({
          fin: true,
          rsv: 0,
          opcode: 2,
          masked: key !== undefined,
        });
      }
    }
  });
});

describe("first header byte", () => {
  it.each([
    [true, false, 0x1, 0x81],
    [false, false, 0x1, 0x01],
    [true, true, 0x2, 0xc2],
    [false, true, 0x2, 0x42],
    [true, false, 0x0, 0x80],
    [true, false, 0xa, 0x8a],
  ])("has FIN %s, RSV1 %s and opcode %i", (fin, rsv1, opcode, expected) => {
    expect(firstByte(fin, rsv1, opcode)).toBe(expected);
  });
});
