/** gorilla's helpers for close frames and the errors that come of them. */

import { CloseCode } from "../close-code.ts";
import { CloseError } from "../errors.ts";
import { serializeClosePayload } from "../framing/close-payload.ts";

// Deep enough for every wrapper in practice, and an end for circles.
const MAX_CAUSES = 10;

/**
 * Serializes the payload of a close frame (RFC 6455 §5.5.1); 1005 gives the empty payload.
 *
 * @throws RangeError for a code that must not be sent or a reason over 123 bytes of UTF-8.
 */
export function formatCloseMessage(code: number, reason = ""): Buffer {
  return serializeClosePayload(code, reason);
}

/** `error`, or an error that caused it, is a CloseError with one of `codes`. Without codes: false. */
export function isCloseError(error: unknown, ...codes: readonly number[]): boolean {
  const close = findCloseError(error);
  return close !== undefined && codes.includes(close.code);
}

/** `error`, or an error that caused it, is a CloseError with none of `expected`. Without codes: any CloseError. */
export function isUnexpectedCloseError(error: unknown, ...expected: readonly number[]): boolean {
  const close = findCloseError(error);
  return close !== undefined && !expected.includes(close.code);
}

/** `error`, or an error that caused it, is one of `causes`. */
export function isCausedBy(error: unknown, causes: readonly unknown[]): boolean {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current !== undefined; depth++) {
    if (causes.includes(current)) return true;
    current = current instanceof Error ? current.cause : undefined;
  }
  return false;
}

function findCloseError(error: unknown): CloseError | undefined {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth++) {
    if (current instanceof CloseError) return current;
    current = current.cause;
  }
  return undefined;
}

/** A peer's close that iterators take as the ordinary end. */
export function isQuietCode(code: number): boolean {
  return (
    code === CloseCode.normal || code === CloseCode.goingAway || code === CloseCode.noStatusReceived
  );
}
