/** The closing handshake as a table (RFC 6455 §7.1). */

/**
 * RFC 6455's one CLOSING state, split by who sent a close frame first.
 *
 *     open ── send-close ──► local-closing ── receive-close ──► closed
 *       └─ receive-close ──► remote-closing ── send-close ────► closed
 */
export type ClosingState = "open" | "local-closing" | "remote-closing" | "closed";
export type ClosingStep = "send-close" | "receive-close" | "transport-end";

export const CLOSING_TRANSITIONS: Readonly<
  Record<ClosingState, Readonly<Partial<Record<ClosingStep, ClosingState>>>>
> = {
  open: {
    "send-close": "local-closing",
    "receive-close": "remote-closing",
    "transport-end": "closed",
  },
  "local-closing": { "receive-close": "closed", "transport-end": "closed" },
  "remote-closing": { "send-close": "closed", "transport-end": "closed" },
  closed: {},
};

/** Gives the state behind `step`; a step that the state does not know changes nothing. */
export function nextClosingState(state: ClosingState, step: ClosingStep): ClosingState {
  return CLOSING_TRANSITIONS[state][step] ?? state;
}
