import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  formatExtensions,
  parseExtensions,
  type Extension,
} from "../../src/extensions/extension-header.ts";
import { anyText, fastest, QUADRATIC_MS } from "../untrusted-text.ts";

/** `name; a; b=1` per extension, which is easier to read in a table than objects. */
function parsed(...lines: string[]): string[] {
  return parseExtensions(lines).extensions.map((extension) => formatExtensions([extension]));
}

describe("RFC 6455 §9.1 Sec-WebSocket-Extensions", () => {
  it.each([
    ["foo", ["foo"]],
    ["foo, bar; baz=2", ["foo", "bar; baz=2"]],
    ["foo , bar; baz = 2", ["foo", "bar; baz=2"]],
    ["foo,bar;baz=2", ["foo", "bar; baz=2"]],
    ["\tfoo\t;\tx\t=\t1\t,\tbar\t", ["foo; x=1", "bar"]],
    [
      "mux; max-channels=4; flow-control, deflate-stream",
      ["mux; max-channels=4; flow-control", "deflate-stream"],
    ],
    ['permessage-foo; x="10"', ["permessage-foo; x=10"]],
    [String.raw`permessage-foo; x="1\0"`, ["permessage-foo; x=10"]],
    ["permessage-foo; use_y, permessage-foo", ["permessage-foo; use_y", "permessage-foo"]],
    [
      "permessage-deflate; client_max_window_bits; server_max_window_bits=10 , permessage-deflate; client_max_window_bits",
      [
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits",
      ],
    ],
    ["foo; a=1; a=2; a", ["foo; a=1; a=2; a"]],
    [", ,foo,,bar, ", ["foo", "bar"]],
    ["", []],
    [" ", []],
    [",", []],
  ])("parses %j", (line, extensions) => {
    expect(parsed(line)).toEqual(extensions);
    expect(parseExtensions([line]).malformed).toBe(false);
  });

  it("tells a parameter without a value from one with", () => {
    expect(parseExtensions(["foo; a; b=1"]).extensions).toEqual([
      {
        name: "foo",
        parameters: [
          { name: "a", value: undefined },
          { name: "b", value: "1" },
        ],
      },
    ]);
  });

  it("reads all lines as one list", () => {
    expect(parsed("a; x", "", "b, c")).toEqual(["a; x", "b", "c"]);
  });

  it.each([
    ["foo, bar; baz=2 junk", ["foo"]],
    ["foo junk, bar; baz=2 junk", []],
    ["foo; , bar", []],
    ["foo;", []],
    ["a, foo; =1, bar", ["a"]],
    ["a, foo; x=, bar", ["a"]],
    ["a, foo; x=;y, bar", ["a"]],
    ['a, foo; x="1, bar', ["a"]],
    ['a, foo; x="1"2, bar', ["a"]],
    ["a, =, bar", ["a"]],
    ["a, foo=1, bar", ["a"]],
    ["a, é, bar", ["a"]],
    ["a, b\u0000, c", ["a"]],
    ["a, b\r\nX: y", ["a"]],
    ["a; b@c, d", []],
  ])("drops the rest of the line %j at the junk", (line, extensions) => {
    expect(parsed(line)).toEqual(extensions);
    expect(parseExtensions([line]).malformed).toBe(true);
    expect(parsed(line, "next")).toEqual([...extensions, "next"]);
  });

  it.each([
    'a, foo; x="", bar',
    'a, foo; x="b,a;z", bar',
    'a, foo; x="é", bar',
    'a, foo; x=" "; y, bar',
  ])("drops only the extension whose quoted value is no token: %j", (line) => {
    expect(parsed(line)).toEqual(["a", "bar"]);
    expect(parseExtensions([line]).malformed).toBe(true);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "takes %s for a name like any other",
    (name) => {
      expect(parseExtensions([`${name}; ${name}=${name}`])).toEqual({
        extensions: [{ name, parameters: [{ name, value: name }] }],
        malformed: false,
      });
      expect(Object.prototype).not.toHaveProperty("value");
    },
  );
});

describe("parsing untrusted Sec-WebSocket-Extensions", () => {
  const size = 16_384;
  it.each([
    ["spaces", `a${" ".repeat(size)}b`],
    ["commas", ",".repeat(size)],
    ["names", "a,".repeat(size / 2)],
    ["parameters", `a${";b".repeat(size / 2)}`],
    ["escapes", `a; b="${"\\c".repeat(size / 2)}`],
    ["open quotes", `a; b="${"x".repeat(size)}`],
    ["quoted values", 'a;b="c",'.repeat(size / 8)],
    ["bad quoted values", 'a;b="",'.repeat(size / 7)],
    ["a long name", "a".repeat(size)],
    ["spaces around semicolons", "a" + " ; b".repeat(size / 4)],
  ])("takes far less than quadratic time for 16 KiB of %s", (_, line) => {
    expect(fastest(() => parseExtensions([line]))).toBeLessThan(QUADRATIC_MS);
  });

  it("is linear: so much text as no header can hold takes no time", () => {
    const text = (repeat: number): string => `a; b="${"\\c".repeat(repeat)}`;
    expect(fastest(() => parseExtensions([text(400_000)]))).toBeLessThan(500); // a quadratic parser would need minutes
  });

  it("never throws, and what it keeps is of tokens only", () => {
    const headerText = fc.oneof(
      anyText,
      fc.string({ unit: fc.constantFrom("a", "b", ";", ",", "=", '"', "\\", " ", "\t", "é") }),
    );
    fc.assert(
      fc.property(fc.array(headerText, { maxLength: 4 }), (lines) => {
        const { extensions } = parseExtensions(lines);
        expect(parseExtensions([formatExtensions(extensions)])).toEqual({
          extensions,
          malformed: false,
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives back any list that was formatted", () => {
    const token = fc.string({
      unit: fc.constantFrom(...Array.from("!#$%&'*+-.^_`|~09AZaz")),
      minLength: 1,
    });
    const extension: fc.Arbitrary<Extension> = fc.record({
      name: token,
      parameters: fc.array(fc.record({ name: token, value: fc.option(token, { nil: undefined }) })),
    });
    fc.assert(
      fc.property(fc.array(extension), (extensions) => {
        expect(parseExtensions([formatExtensions(extensions)])).toEqual({
          extensions,
          malformed: false,
        });
      }),
    );
  });
});
