/** What a page may send: everything else is no message. */
import { describe, expect, it } from "vitest";
import { LONGEST_TEXT, parseClientMessage } from "../src/messages.ts";

describe("client message", () => {
  it("says a text, without the space around it", () => {
    expect(parseClientMessage('{"type":"say","text":"  hello there \\n"}')).toEqual({
      type: "say",
      text: "hello there",
    });
  });

  it("compares clocks", () => {
    expect(parseClientMessage('{"type":"clock","sent":12.5}')).toEqual({
      type: "clock",
      sent: 12.5,
    });
  });

  it("brings nothing in that the contract does not name", () => {
    expect(parseClientMessage('{"type":"say","text":"a","from":"somebody else"}')).toEqual({
      type: "say",
      text: "a",
    });
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    "7",
    '"say"',
    "{}",
    '{"type":"say"}',
    '{"type":"say","text":7}',
    '{"type":"say","text":"  "}',
    '{"type":"clock","sent":"now"}',
    '{"type":"joined","member":{}}',
    JSON.stringify({ type: "say", text: "x".repeat(LONGEST_TEXT + 1) }),
  ])("is not %s", (json) => {
    expect(parseClientMessage(json)).toBeUndefined();
  });
});
