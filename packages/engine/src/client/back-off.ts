/** How long to wait before another attempt: full jitter, so that clients of a server that was gone do not come at once. */

export interface BackOffOptions {
  /** Longest wait before the first attempt after a loss, in milliseconds. It doubles with each failure. @default 500 */
  readonly initialDelay?: number | undefined;
  /** The longest wait ever, in milliseconds. @default 30_000 */
  readonly maxDelay?: number | undefined;
}

/**
 * Chooses a wait evenly between 0 and `initialDelay * 2^failures`, capped at `maxDelay`: with full jitter the fewest
 * attempts meet at the server.
 *
 * @param failures - Attempts in a row that have failed before.
 */
export function backOffDelay(
  failures: number,
  { initialDelay, maxDelay }: { readonly initialDelay: number; readonly maxDelay: number },
): number {
  return Math.random() * Math.min(maxDelay, initialDelay * 2 ** Math.min(failures, 52));
}

/** Reads a Retry-After header (RFC 9110 §10.2.3) as milliseconds from now; `undefined` when there is none. */
export function retryAfter(value: string | string[] | undefined, now: number): number | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  const seconds = Number(value);
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds * 1000;
  const date = value.endsWith("GMT") ? Date.parse(value) : NaN; // Date.parse takes much that is no HTTP date
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
