/** The testkit's own frames, held against the examples of the standard. */
import { describe, expect, it } from "vitest";
import { hex, toHex } from "../src/hex.ts";
import {
  rawClose,
  rawFrame,
  rawPing,
  rawText,
  readClosePayload,
  readRawFrame,
} from "../src/raw-frame.ts";

describe("RFC 6455 §5.7 examples", () => {
  it("builds a masked text message in one frame", () => {
    expect(toHex(rawText("Hello"))).toBe("81 85 37 fa 21 3d 7f 9f 4d 51 58");
  });

  it("builds a masked ping and an unmasked fragment", () => {
    expect(toHex(rawPing("Hello"))).toBe("89 85 37 fa 21 3d 7f 9f 4d 51 58");
    expect(toHex(rawFrame({ opcode: 1, payload: "Hel", fin: false, mask: false }))).toBe(
      "01 03 48 65 6c",
    );
  });

  it("writes lengths of 16 and 64 bits", () => {
    expect(
      toHex(rawFrame({ opcode: 2, payload: Buffer.alloc(256), mask: false }).subarray(0, 4)),
    ).toBe("82 7e 01 00");
    expect(
      toHex(rawFrame({ opcode: 2, payload: Buffer.alloc(65_536), mask: false }).subarray(0, 10)),
    ).toBe("82 7f 00 00 00 00 00 01 00 00");
  });
});

describe("frames against the rules", () => {
  it("writes reserved bits, lengths that are too long and lengths that lie", () => {
    expect(toHex(rawFrame({ opcode: 3, rsv: 7, fin: false, mask: false }))).toBe("73 00");
    expect(toHex(rawFrame({ opcode: 1, payload: "a", lengthBytes: 2, mask: false }))).toBe(
      "81 7e 00 01 61",
    );
    expect(toHex(rawFrame({ opcode: 2, declaredLength: 2n ** 63n, mask: false }))).toBe(
      "82 7f 80 00 00 00 00 00 00 00",
    );
  });
});

describe("reading", () => {
  it("waits for the whole frame, whatever the split", () => {
    const bytes = rawText("Hello");
    for (let size = 0; size < bytes.length; size++) {
      expect(readRawFrame(bytes.subarray(0, size))).toBeUndefined();
    }
    const read = readRawFrame(Buffer.concat([bytes, hex("89 00")]));
    expect(read).toMatchObject({
      size: bytes.length,
      frame: { fin: true, opcode: 1, masked: true },
    });
    expect(read?.frame.payload.toString()).toBe("Hello");
  });

  it("reads long frames and close frames", () => {
    const payload = Buffer.alloc(70_000, "x");
    expect(readRawFrame(rawFrame({ opcode: 2, payload }))?.frame.payload.equals(payload)).toBe(
      true,
    );
    const close = readRawFrame(rawClose(4001, "over"));
    expect(readClosePayload(close?.frame.payload ?? Buffer.alloc(0))).toEqual({
      code: 4001,
      reason: "over",
    });
    expect(readClosePayload(Buffer.alloc(0)).code).toBe(1005);
  });
});
