import { describe, expect, it } from "vitest";
import {
  DEFAULT_COMPRESSION,
  resolveCompression,
  type CompressionOptions,
} from "../../src/extensions/compression-options.ts";

describe("compression options", () => {
  it("are off for false and undefined, all defaults for true and {}", () => {
    expect(resolveCompression(undefined)).toBeUndefined();
    expect(resolveCompression(false)).toBeUndefined();
    expect(resolveCompression(true)).toEqual(DEFAULT_COMPRESSION);
    expect(resolveCompression({})).toEqual(DEFAULT_COMPRESSION);
  });

  it("default to 12 bits, memLevel 5, level 1, 256 bytes, with context takeover", () => {
    expect(DEFAULT_COMPRESSION).toEqual({
      level: 1,
      memLevel: 5,
      threshold: 256,
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 12,
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      keepFullPeerWindow: false,
    });
  });

  it("keep every given value, and the default where undefined is given", () => {
    const given: CompressionOptions = {
      level: -2,
      memLevel: 9,
      threshold: 0,
      serverMaxWindowBits: 8,
      clientMaxWindowBits: 15,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      keepFullPeerWindow: true,
    };
    expect(resolveCompression(given)).toEqual(given);
    const blank = Object.fromEntries(Object.keys(given).map((name) => [name, undefined]));
    expect(resolveCompression(blank)).toEqual(DEFAULT_COMPRESSION);
    expect(resolveCompression({ threshold: Infinity })?.threshold).toBe(Infinity);
  });

  it.each([
    ["level", -3],
    ["level", 10],
    ["level", 1.5],
    ["level", NaN],
    ["memLevel", 0],
    ["memLevel", 10],
    ["threshold", -1],
    ["threshold", 0.5],
    ["threshold", NaN],
    ["threshold", -Infinity],
    ["serverMaxWindowBits", 7],
    ["serverMaxWindowBits", 16],
    ["clientMaxWindowBits", 7],
    ["clientMaxWindowBits", 16],
    ["clientMaxWindowBits", Infinity],
  ])("refuse %s %s with a RangeError that names both", (name, value) => {
    const resolve = (): unknown => resolveCompression({ [name]: value });
    expect(resolve).toThrow(RangeError);
    expect(resolve).toThrow(`compression.${name} `);
    expect(resolve).toThrow(`got ${value}`);
  });

  it.each([
    ["level", "1"],
    ["memLevel", true],
    ["threshold", "1kb"],
    ["serverMaxWindowBits", "12"],
    ["clientMaxWindowBits", true],
    ["serverNoContextTakeover", 1],
    ["clientNoContextTakeover", "yes"],
    ["keepFullPeerWindow", 0],
  ])("refuse %s of another type: %j", (name, value) => {
    expect(() => resolveCompression({ [name]: value })).toThrow(TypeError);
    expect(() => resolveCompression({ [name]: value })).toThrow(`compression.${name} `);
  });

  it.each([null, "on", 1])("refuse %j instead of an object", (value) => {
    expect(() => resolveCompression(value as never)).toThrow(TypeError);
  });
});
