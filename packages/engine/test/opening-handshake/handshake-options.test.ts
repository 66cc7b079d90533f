import { describe, expect, it } from "vitest";
import { DEFAULT_COMPRESSION } from "../../src/extensions/compression-options.ts";
import { resolveHandshakeOptions } from "../../src/opening-handshake/handshake-options.ts";

describe("options of the opening handshake", () => {
  it("default to the same origin, no subprotocol and no compression", () => {
    const defaults = { allowedOrigins: [], subprotocols: undefined, compression: undefined };
    expect(resolveHandshakeOptions({})).toEqual(defaults);
    expect(
      resolveHandshakeOptions({
        allowedOrigins: undefined,
        subprotocols: undefined,
        compression: undefined,
      } as never),
    ).toEqual(defaults);
  });

  it("are compiled and filled in", () => {
    const choose = (): undefined => undefined;
    expect(
      resolveHandshakeOptions({
        allowedOrigins: ["*.Example.com:*"],
        subprotocols: choose,
        compression: { level: 9 },
      }),
    ).toEqual({
      allowedOrigins: [
        { scheme: undefined, hostname: "example.com", subdomains: true, port: "any" },
      ],
      subprotocols: choose,
      compression: { ...DEFAULT_COMPRESSION, level: 9 },
    });
    expect(resolveHandshakeOptions({ subprotocols: ["a"], compression: true })).toEqual({
      allowedOrigins: [],
      subprotocols: ["a"],
      compression: DEFAULT_COMPRESSION,
    });
  });

  it.each([
    ["allowedOrigins", "https://example.com"],
    ["allowedOrigins", ["*"]],
    ["allowedOrigins", [/x/]],
    ["subprotocols", "chat"],
    ["subprotocols", ["a", "a"]],
    ["subprotocols", ["a b"]],
    ["subprotocols", null],
    ["compression", "on"],
    ["compression", { level: "9" }],
  ])("are refused with a TypeError that names %s: %j", (name, value) => {
    expect(() => resolveHandshakeOptions({ [name]: value })).toThrow(TypeError);
    expect(() => resolveHandshakeOptions({ [name]: value })).toThrow(new RegExp(`^${name}`));
  });

  it("are refused with a RangeError for a number out of range", () => {
    expect(() => resolveHandshakeOptions({ compression: { level: 10 } })).toThrow(RangeError);
  });
});
