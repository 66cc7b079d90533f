/** The error tree, its codes, and the page that explains them. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  CloseCode,
  CloseError,
  DeadlineError,
  ERROR_CODES,
  HandshakeError,
  ProtocolError,
  ValidationError,
  WebSocketError,
} from "../src/index.ts";

const PAGE = new URL("../../../docs/error-codes.md", import.meta.url);
const SOURCE = new URL("../src/", import.meta.url);

describe("errors", () => {
  const cause = new Error("cause");
  const all: ReadonlyArray<readonly [string, WebSocketError]> = [
    ["WebSocketError", new WebSocketError("WS_CLOSED", "text", { cause })],
    ["HandshakeError", new HandshakeError(403, "text", { cause })],
    ["ProtocolError", new ProtocolError("WS_OPCODE_UNKNOWN", 1002, "text", { cause })],
    ["CloseError", new CloseError({ code: 1000, reason: "", wasClean: true }, { cause })],
    ["DeadlineError", new DeadlineError("WS_TIMEOUT", "text", { cause })],
    ["ValidationError", new ValidationError([{ message: "text", path: [] }], { cause })],
  ];

  it.each(all)("%s has its name, a stack and its cause, and is a WebSocketError", (name, error) => {
    expect(error).toBeInstanceOf(WebSocketError);
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.constructor.name, error.cause]).toEqual([name, name, cause]);
    expect(error.stack).toContain(name);
    expect(String(error)).toBe(`${name}: ${error.message}`);
  });

  it("have no cause when none was given", () => {
    expect("cause" in new WebSocketError("WS_CLOSED", "text")).toBe(false);
    expect("cause" in new CloseError({ code: 1000, reason: "", wasClean: true })).toBe(false);
  });

  it("carry what their handler needs", () => {
    expect(new HandshakeError(403, "no")).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 403 });
    expect(new HandshakeError(503, "no", { code: "WS_SERVER_CLOSING" })).toMatchObject({
      code: "WS_SERVER_CLOSING",
      response: undefined,
    });
    expect(new ProtocolError("WS_READ_LIMIT", 1009, "no")).toMatchObject({
      code: "WS_READ_LIMIT",
      closeCode: 1009,
    });
    const end = { code: 4000, reason: "why", wasClean: true };
    expect(new CloseError(end)).toMatchObject(end);
  });

  it.each([
    [1000, "", "connection closed with 1000 (normal)"],
    [1001, "restart", "connection closed with 1001 (going away): restart"],
    [1005, "", "connection closed with 1005 (no status)"],
    [1006, "", "connection closed with 1006 (abnormal closure)"],
    [3000, "", "connection closed with 3000"],
    [4999, "mine", "connection closed with 4999: mine"],
  ])("CloseError %i says its name and reason", (code, reason, message) => {
    expect(new CloseError({ code, reason, wasClean: false }).message).toBe(message);
  });

  it("CloseError has a name for every registered code", () => {
    for (const code of Object.values(CloseCode)) {
      expect(new CloseError({ code, reason: "", wasClean: false }).message).toMatch(/\(.+\)$/u);
    }
  });

  it.each([
    [[], "message does not fit its schema: invalid"],
    [[{ message: "too small", path: [] }], "message does not fit its schema: too small"],
    [
      [{ message: "too small", path: ["a", 0, "b"] }],
      "message does not fit its schema: too small at a.0.b",
    ],
    [
      [
        { message: "one", path: ["x"] },
        { message: "two", path: ["y"] },
      ],
      "message does not fit its schema: one at x (and 1 more)",
    ],
    [
      [{ message: "odd", path: [Symbol("s")] }],
      "message does not fit its schema: odd at Symbol(s)",
    ],
  ])("ValidationError %# says the first issue and where", (issues, message) => {
    const error = new ValidationError(issues);
    expect([error.message, error.issues, error.code]).toEqual([message, issues, "WS_VALIDATION"]);
  });
});

describe("error codes", () => {
  it("are each there once", () => {
    expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
    for (const code of ERROR_CODES) expect(code).toMatch(/^WS_[A-Z0-9_]+$/u);
  });

  it("are each used by the source", () => {
    const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" });
    const source = files
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(new URL(name, SOURCE), "utf8"))
      .join("\n");
    // The list itself is one occurrence.
    expect(ERROR_CODES.filter((code) => source.split(`"${code}"`).length < 3)).toEqual([]);
  });
});

describe("docs/error-codes.md", () => {
  const page = readFileSync(PAGE, "utf8");

  it("has one entry for each code, in the order of the list, and no other", () => {
    const entries = [...page.matchAll(/^### `(.+)`$/gmu)].map(([, code]) => code);
    expect(entries).toEqual([...ERROR_CODES]);
  });

  it("says something about each", () => {
    const entries = page.split(/^### /mu).slice(1); // what stands before the first is the page's own beginning
    expect(entries.filter((entry) => (entry.split("\n\n")[1]?.length ?? 0) < 20)).toEqual([]);
  });
});
