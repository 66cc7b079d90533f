import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  hasToken,
  headerValues,
  outgoingHeaders,
  parseTokenList,
} from "../../src/opening-handshake/header-fields.ts";
import { anyText, fastest, QUADRATIC_MS } from "../untrusted-text.ts";

describe("RFC 9110 §5.3 header lines", () => {
  const raw = ["Host", "a", "UPGRADE", "x", "upgrade", "y", "Upgrades", "z"];

  it("are found in any spelling, all of them, in order", () => {
    expect(headerValues(raw, "Upgrade")).toEqual(["x", "y"]);
    expect(headerValues(raw, "host")).toEqual(["a"]);
    expect(headerValues(raw, "Origin")).toEqual([]);
  });

  it("are names, never values", () => {
    expect(headerValues(["X", "Host", "Host", "a"], "host")).toEqual(["a"]);
    expect(headerValues(["X", "host"], "host")).toEqual([]);
  });

  it("may be none, or lack their last value", () => {
    expect(headerValues([], "host")).toEqual([]);
    expect(headerValues(["Host"], "host")).toEqual([]);
  });

  it("named __proto__ are lines like any other", () => {
    expect(headerValues(["__proto__", "x"], "__proto__")).toEqual(["x"]);
    expect(headerValues(["Host", "x"], "constructor")).toEqual([]);
  });
});

describe("RFC 9110 §5.6.1 token lists", () => {
  it.each<[line: string, found: boolean]>([
    ["WebSocket", true],
    ["WEBSOCKET", true],
    ["websocket", true],
    [" websocket\t", true],
    ["foo, websocket", true],
    ["websocket, foo", true],
    ["foo,websocket,bar", true],
    ["foo , websocket , bar", true],
    [",, websocket", true],
    ["h2c, websocket", true],
    ["", false],
    [" ", false],
    [",", false],
    ["websockets", false],
    ["xwebsocket", false],
    ["x websocket", false],
    ["websocket x", false],
    ["websocket/13", false],
    ["foo/1, websocket", false],
    ['"websocket"', false],
    ["foo;bar, websocket", false],
    ["websocket;q=1", false],
    ["web\u0000socket", false],
    ["websocket\r\n", false],
    ["\u212debsocket", false],
  ])("%j has websocket: %s", (line, found) => {
    expect(hasToken([line], "websocket")).toBe(found);
  });

  it("go on with the next line where one is malformed", () => {
    expect(hasToken(["x websocket", "websocket"], "websocket")).toBe(true);
    expect(hasToken(["foo/1", "bar"], "websocket")).toBe(false);
    expect(hasToken([], "websocket")).toBe(false);
  });

  it("do not fold letters beyond A-Z", () => {
    expect(hasToken(["\u212aeep"], "keep")).toBe(false); // Kelvin sign
  });

  it.each<[lines: string[], tokens: string[], malformed: boolean]>([
    [["a, b", "c"], ["a", "b", "c"], false],
    [["a,,b,"], ["a", "b"], false],
    [["a, b c, d", "e"], ["a", "e"], true],
    [["a;b"], [], true],
    [[";"], [], true],
    [["a, é"], ["a"], true],
    [[], [], false],
  ])("%j are %j", (lines, tokens, malformed) => {
    expect(parseTokenList(lines)).toEqual({ tokens, malformed });
  });

  const size = 16_384;
  it.each([
    ["spaces", `b${" ".repeat(size)}x`],
    ["commas", ",".repeat(size)],
    ["tokens", "a,".repeat(size / 2)],
    ["one token", "a".repeat(size)],
    ["spaces and commas", " ,".repeat(size / 2)],
  ])("of 16 KiB of %s are parsed in far less than quadratic time", (_, line) => {
    expect(fastest(() => parseTokenList([line]))).toBeLessThan(QUADRATIC_MS);
  });

  it("are linear: so much text as no header can hold takes no time", () => {
    expect(fastest(() => parseTokenList([`b${" ".repeat(800_000)}x`]))).toBeLessThan(500); // a quadratic parser would need minutes
  });

  it("give back any list of tokens, and never throw", () => {
    const token = fc.string({
      unit: fc.constantFrom(...Array.from("!#$%&'*+-.^_`|~09AZaz")),
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.array(token), anyText, (tokens, junk) => {
        expect(parseTokenList([tokens.join(" ,\t")])).toEqual({ tokens, malformed: false });
        expect(
          parseTokenList([junk, tokens.join(",")]).tokens.slice(-tokens.length || Infinity),
        ).toEqual(tokens);
      }),
    );
  });
});

describe("RFC 9110 §5.5 headers that are to be sent", () => {
  const reserved: ReadonlyMap<string, string> = new Map([["upgrade", "leave it out"]]);

  it.each([
    [
      "pairs",
      [
        ["Set-Cookie", "a"],
        ["Set-Cookie", "b"],
        ["x", "c"],
      ] as const,
    ],
    ["an object", { "Set-Cookie": ["a", "b"], x: "c", y: undefined }],
  ])("are listed line by line from %s", (_, input) => {
    expect(outgoingHeaders(input, reserved)).toEqual([
      ["Set-Cookie", "a"],
      ["Set-Cookie", "b"],
      ["x", "c"],
    ]);
  });

  it("are listed from a Map, a Headers and nothing", () => {
    expect(outgoingHeaders(new Map([["X", "1"]]), reserved)).toEqual([["X", "1"]]);
    expect(outgoingHeaders(new Headers({ X: "1" }), reserved)).toEqual([["x", "1"]]);
    expect(outgoingHeaders(undefined, reserved)).toEqual([]);
  });

  it.each(["", "\t", "a b", "é", "\u00ff", "a\tb", '"', "~"])("may have the value %j", (value) => {
    expect(outgoingHeaders([["X", value]], reserved)).toEqual([["X", value]]);
  });

  it.each([
    "\r",
    "\n",
    "a\r\nX: y",
    "\u0000",
    "\u0001",
    "\u001f",
    "\u007f",
    "€",
    "\u0100",
    "\ud83d\ude00",
  ])("must not have the value %j", (value) => {
    expect(() => outgoingHeaders([["X-Custom", value]], reserved)).toThrow(TypeError);
    expect(() => outgoingHeaders({ "X-Custom": value }, reserved)).toThrow('"X-Custom"');
  });

  it("keep a refused value out of the message, but for the bad character", () => {
    const refuse = (): unknown => outgoingHeaders([["Cookie", "secret\r\n"]], reserved);
    expect(refuse).toThrow('got "\\u000d" at index 6');
    expect(refuse).not.toThrow("secret");
  });

  it.each(["", " ", "a b", "a:", "a\r\n", "é", "a\u0000", ":path", "("])(
    "must not be named %j",
    (name) => {
      expect(() => outgoingHeaders([[name, "x"]], reserved)).toThrow(TypeError);
    },
  );

  it.each(["upgrade", "Upgrade", "UPGRADE", "uPgRaDe"])(
    "must not take the reserved name %s",
    (name) => {
      expect(() => outgoingHeaders([[name, "x"]], reserved)).toThrow(
        `header "${name}" belongs to the handshake: leave it out`,
      );
      expect(() => outgoingHeaders({ [name]: ["x"] }, reserved)).toThrow(TypeError);
    },
  );

  it.each([
    ["a number as value", [["X", 1]]],
    ["null as value", { X: null }],
    ["a number in a list", { X: ["a", 1] }],
    ["a number as name", [[1, "x"]]],
    ["an empty pair", [[]]],
    ["a string", "X: y"],
    ["null", null],
    ["a number", 1],
  ])("must not be %s", (_, input) => {
    expect(() => outgoingHeaders(input as never, reserved)).toThrow(TypeError);
    expect(() => outgoingHeaders(input as never, reserved)).toThrow(/header/);
  });
});
