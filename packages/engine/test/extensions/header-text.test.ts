import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  equalAsciiFold,
  isToken,
  parseQuotedString,
  showText,
  skipSpace,
  tokenEnd,
} from "../../src/extensions/header-text.ts";
import { anyText } from "../untrusted-text.ts";

describe("RFC 9110 §5.6.2 token", () => {
  it("takes exactly the 77 characters of tchar", () => {
    const tchar = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    expect(tchar).toHaveLength(77);
    for (let code = 0; code <= 0x1ff; code++) {
      const character = String.fromCharCode(code);
      expect(isToken(character), `U+${code.toString(16)}`).toBe(tchar.includes(character));
    }
  });

  it("is not empty", () => {
    expect(isToken("")).toBe(false);
  });

  it("ends at the first character that cannot stand in it", () => {
    expect(tokenEnd("abc;d", 0)).toBe(3);
    expect(tokenEnd("abc;d", 4)).toBe(5);
    expect(tokenEnd("abc", 3)).toBe(3);
    expect(tokenEnd(";", 0)).toBe(0);
  });
});

describe("RFC 9110 §5.6.3 whitespace", () => {
  it("is spaces and tabs, nothing else", () => {
    expect(skipSpace(" \t x", 0)).toBe(3);
    expect(skipSpace("\u00a0x", 0)).toBe(0);
    expect(skipSpace("\r\nx", 0)).toBe(0);
  });
});

describe("RFC 9110 §5.6.4 quoted-string", () => {
  it.each([
    ['""', "", 2],
    ['"a"', "a", 3],
    ['"a b,c;d"', "a b,c;d", 9],
    [String.raw`"a\"b"`, 'a"b', 6],
    [String.raw`"\\"`, "\\", 4],
    [String.raw`"\a\b"x`, "ab", 6],
  ])("parses %s", (text, value, end) => {
    expect(parseQuotedString(text, 0)).toEqual({ value, end });
  });

  it.each(['"', '"a', String.raw`"\"`, String.raw`"a\ `])("has no end in %s", (text) => {
    expect(parseQuotedString(text, 0)).toBeUndefined();
  });

  it("gives back any text that was quoted", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, value) => {
        const quoted = `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
        expect(parseQuotedString(`${before}${quoted}rest`, before.length)).toEqual({
          value,
          end: before.length + quoted.length,
        });
      }),
    );
  });
});

describe("ASCII case folding", () => {
  it.each([
    ["WebSocket", "websocket", true],
    ["websocket", "WEBSOCKET", true],
    ["AZ", "az", true],
    ["", "", true],
    ["websocket", "websockets", false],
    ["Öyster", "öyster", false],
    ["\u212aey", "key", false], // Kelvin sign, whose lower case is "k"
    ["[", "{", false],
    ["@", "`", false],
  ])("%s and %s: %s", (left, right, equal) => {
    expect(equalAsciiFold(left, right)).toBe(equal);
  });
});

describe("peer text in messages", () => {
  it("escapes what could break or colour a log line", () => {
    expect(showText('a"b\\c')).toBe('"a\\"b\\\\c"');
    expect(showText("a\r\n\u001b[31m\u0000\u007f\u009bé")).toBe(
      '"a\\u000d\\u000a\\u001b[31m\\u0000\\u007f\\u009b\\u00e9"',
    );
  });

  it("is cut after 100 characters", () => {
    expect(showText("x".repeat(100))).toBe(`"${"x".repeat(100)}"`);
    expect(showText("x".repeat(16_384))).toBe(`"${"x".repeat(100)}" (and 16284 more characters)`);
  });

  it("is printable ASCII whatever the text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(/^[\x20-\x7e]*$/.test(showText(text))).toBe(true);
      }),
    );
  });
});
