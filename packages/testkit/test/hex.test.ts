/** The notation of the wire tests. */
import { describe, expect, it } from "vitest";
import { hex, toHex } from "../src/hex.ts";

describe("spaced hex", () => {
  it("reads pairs with white space anywhere", () => {
    expect([...hex("81 05\n4865 6c6c6f")]).toEqual([0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
  });

  it("writes what it reads", () => {
    expect(toHex(hex("00 ff 7f"))).toBe("00 ff 7f");
    expect(toHex(hex(""))).toBe("");
  });

  it("refuses half a byte and anything that is not hex", () => {
    expect(() => hex("81 0")).toThrow(TypeError);
    expect(() => hex("81 0g")).toThrow(TypeError);
  });
});
