/** The closing handshake's table: every state and every step (RFC 6455 §7.1). */
import { describe, expect, it } from "vitest";
import { CLOSING_TRANSITIONS, nextClosingState } from "../../src/endpoint/closing-handshake.ts";
import type { ClosingState, ClosingStep } from "../../src/endpoint/closing-handshake.ts";

const EVERY_TRANSITION: ReadonlyArray<readonly [ClosingState, ClosingStep, ClosingState]> = [
  ["open", "send-close", "local-closing"],
  ["open", "receive-close", "remote-closing"],
  ["open", "transport-end", "closed"],
  ["local-closing", "send-close", "local-closing"],
  ["local-closing", "receive-close", "closed"],
  ["local-closing", "transport-end", "closed"],
  ["remote-closing", "send-close", "closed"],
  ["remote-closing", "receive-close", "remote-closing"],
  ["remote-closing", "transport-end", "closed"],
  ["closed", "send-close", "closed"],
  ["closed", "receive-close", "closed"],
  ["closed", "transport-end", "closed"],
];

describe("RFC 6455 §7.1 closing states", () => {
  it.each(EVERY_TRANSITION)("%s + %s = %s", (state, step, next) => {
    expect(nextClosingState(state, step)).toBe(next);
  });

  it("the list above is complete", () => {
    const states = Object.keys(CLOSING_TRANSITIONS);
    expect(new Set(EVERY_TRANSITION.map(([state]) => state))).toEqual(new Set(states));
    expect(EVERY_TRANSITION).toHaveLength(states.length * 3);
  });

  it("every path ends closed, with one close frame each way or the transport's end", () => {
    const steps: ClosingStep[] = ["send-close", "receive-close", "transport-end"];
    for (const first of steps) {
      for (const second of steps.filter((step) => step !== first)) {
        const state = nextClosingState(nextClosingState("open", first), second);
        expect(state, `${first}, ${second}`).toBe("closed");
      }
    }
  });
});
