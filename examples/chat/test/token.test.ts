/** Tokens: only what we issued, only for a minute. */
import { describe, expect, it } from "vitest";
import { invited, invitedName, issueToken, SUBPROTOCOL } from "../src/token.ts";

const offering = (token: string) => ({
  "sec-websocket-protocol": `${SUBPROTOCOL}, token.${token}`,
});

describe("token", () => {
  it("lets its bearer in under the name it was issued for", () => {
    const headers = offering(issueToken("Ada, Countess of Lovelace"));
    expect(invited(headers)).toBe(true);
    expect(invitedName(headers)).toBe("Ada, Countess of Lovelace");
  });

  it("is a token of RFC 9110 §5.6.2, as Sec-WebSocket-Protocol demands", () => {
    expect(`token.${issueToken("Ünal \u{1F600} ~~~")}`).toMatch(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/);
  });

  it("is good for a minute", () => {
    const headers = offering(issueToken("Ada", 1_000));
    expect(invited(headers, 60_999)).toBe(true);
    expect(invited(headers, 61_000)).toBe(false);
  });

  it("is refused when one character of it is changed", () => {
    const token = issueToken("Ada");
    const last = token.length - 1; // two bits of the last character carry nothing
    for (let at = 0; at < last; at++) {
      const other = token[at] === "A" ? "B" : "A";
      const forged = token.slice(0, at) + other + token.slice(at + 1);
      expect(invited(offering(forged))).toBe(false);
    }
  });

  it.each([
    ["no header", undefined],
    ["the subprotocol alone", SUBPROTOCOL],
    ["an empty token", `${SUBPROTOCOL}, token.`],
    ["a signature without claims", `${SUBPROTOCOL}, token..${issueToken("Ada").split(".")[1]}`],
    ["claims without a signature", `${SUBPROTOCOL}, token.${issueToken("Ada").split(".")[0]}`],
  ])("is missing from a request with %s", (_, header) => {
    expect(invited({ "sec-websocket-protocol": header })).toBe(false);
    expect(invitedName({ "sec-websocket-protocol": header })).toBeUndefined();
  });
});
