import { describe, expect, it } from "vitest";
import {
  checkSubprotocolList,
  chooseSubprotocol,
  parseSubprotocols,
} from "../../src/opening-handshake/subprotocol.ts";
import { fastest, QUADRATIC_MS } from "../untrusted-text.ts";

describe("RFC 6455 §11.3.4 Sec-WebSocket-Protocol", () => {
  it.each<[lines: string[], offered: string[]]>([
    [[], []],
    [[""], []],
    [["foo"], ["foo"]],
    [["foo,bar"], ["foo", "bar"]],
    [["foo, bar"], ["foo", "bar"]],
    [[" foo, bar"], ["foo", "bar"]],
    [[" foo, bar "], ["foo", "bar"]],
    [["foo ,, bar,"], ["foo", "bar"]],
    [
      ["foo", "bar, baz"],
      ["foo", "bar", "baz"],
    ],
    [["graphql-transport-ws, v1.json+x"], ["graphql-transport-ws", "v1.json+x"]],
    [["foo, FOO"], ["foo", "FOO"]],
    [["__proto__, constructor"], ["__proto__", "constructor"]],
  ])("%j offers %j", (lines, offered) => {
    expect(parseSubprotocols(lines)).toEqual({ offered, problem: undefined });
  });

  it.each([
    ["foo bar"],
    ["foo, b@r"],
    ['"foo"'],
    ["foo;bar"],
    ["foo/1"],
    ["foo=="],
    ["föö"],
    ["foo\u0000"],
    ["foo, foo"],
    ["__proto__, __proto__"],
  ])("%j breaks the rules of §4.1", (line) => {
    const { offered, problem } = parseSubprotocols([line]);
    expect(offered).toEqual([]);
    expect(problem).toBeTypeOf("string");
  });

  it("is not unique over two lines either", () => {
    expect(parseSubprotocols(["foo", "foo"]).problem).toBe('names "foo" twice');
  });

  it("is parsed in linear time (CVE-2021-32640)", () => {
    for (const line of [
      `b${" ".repeat(32_000)}x`,
      `b${" ".repeat(32_000)},`,
      "a, ".repeat(10_000),
    ]) {
      expect(fastest(() => parseSubprotocols([line]))).toBeLessThan(QUADRATIC_MS);
    }
  });
});

describe("RFC 6455 §4.2.2 server chooses a subprotocol", () => {
  it.each<[preference: string[], offered: string[], chosen: string]>([
    [["a", "b"], ["b", "a"], "a"],
    [["b", "a"], ["a", "b"], "b"],
    [["x", "b"], ["a", "b"], "b"],
    [["x"], ["a", "b"], ""],
    [["A"], ["a"], ""],
    [[], ["a"], ""],
    [["a"], [], ""],
  ])("that prefers %j and is offered %j: %j", (preference, offered, chosen) => {
    expect(chooseSubprotocol(offered, preference)).toBe(chosen);
  });

  it("not at all without a preference", () => {
    expect(chooseSubprotocol(["a"], undefined)).toBe("");
  });

  it("by a function, which gets the client's order", () => {
    const clientsFirst = (offered: readonly string[]): string | undefined =>
      offered.find((one) => ["a", "b"].includes(one));
    expect(chooseSubprotocol(["c", "b", "a"], clientsFirst)).toBe("b");
    expect(chooseSubprotocol(["c"], clientsFirst)).toBe("");
  });

  it("without asking the function when nothing is offered", () => {
    expect(chooseSubprotocol([], () => expect.unreachable())).toBe("");
  });

  it.each(["x", "", "A", null, false, 1])(
    "and refuses a function's answer %j, which was not offered",
    (answer) => {
      expect(() => chooseSubprotocol(["a"], () => answer as never)).toThrow(TypeError);
    },
  );
});

describe("a list of subprotocols as an option", () => {
  it("holds unique tokens", () => {
    expect(() => {
      checkSubprotocolList(["a", "b.c"]);
      checkSubprotocolList([]);
    }).not.toThrow();
  });

  it.each([
    [[""]],
    [["a b"]],
    [["a,b"]],
    [["a\r\nX: y"]],
    [["é"]],
    [["a", "a"]],
    [[1]],
    [[undefined]],
  ])("is not %j", (list) => {
    expect(() => {
      checkSubprotocolList(list as never);
    }).toThrow(TypeError);
  });
});
