/** `reconnect`: one iteration over the messages of one connection after another. */

import type { ClientConn } from "./client-conn.ts";
import { CloseError } from "./errors.ts";
import type { CloseInfo } from "./errors.ts";

export interface ReconnectOptions {
  /** Decides whether to try again; `attempts` have failed in a row. @default for 1001, 1006 and 1011-1014 */
  readonly retry?: ((end: CloseInfo, attempts: number) => boolean) | undefined;
  /** Milliseconds before the first new attempt. It doubles with each further one, and half of it is random. @default 500 */
  readonly minDelay?: number | undefined;
  /** Longest wait in milliseconds; a connection that lasted as long starts over with `minDelay`. @default 30_000 */
  readonly maxDelay?: number | undefined;
  /** Ends the wait for a new attempt, and the iteration with its reason. Give it to `connect` as well. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Iterates over the messages of the connection that `open` makes, and of the next ones when it is lost. Ends as the
 * iteration of the last connection does: quietly behind its `close()`. What was sent to a lost connection may be lost.
 *
 * @param open - Makes a connection, and may send what begins each: `() => { const conn = connect(…); conn.send(…); return conn; }`.
 */
export async function* reconnect<In>(
  open: () => ClientConn<In, never>,
  options: ReconnectOptions = {},
): AsyncGenerator<In, undefined, undefined> {
  const { retry = isWorthRetrying, minDelay = 500, maxDelay = 30_000, signal } = options;
  for (let attempts = 1; ; attempts++) {
    const conn = open();
    const began = Date.now();
    let error: CloseError | undefined;
    let wanted = false;
    try {
      for await (const value of conn) yield value;
      wanted = conn.closedHere;
    } catch (thrown) {
      if (conn.closedHere || !(thrown instanceof CloseError)) throw thrown;
      error = thrown;
    } finally {
      if (!conn.closedHere) void conn.close(); // the caller has stopped
    }
    if (Date.now() - began >= maxDelay) attempts = 1;
    if (wanted || !retry(await conn.closed, attempts)) {
      if (error !== undefined) throw error;
      return undefined;
    }
    const delay = Math.min(maxDelay, minDelay * 2 ** (attempts - 1));
    await sleep(delay * (0.5 + Math.random() / 2), signal);
  }
}

/** Going away, no close frame, server error, restart, try again later, bad gateway. */
function isWorthRetrying({ code }: CloseInfo): boolean {
  return code === 1001 || code === 1006 || (code > 1010 && code < 1015);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    const onAbort = (): void => {
      clearTimeout(timer);
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an abort reason may be anything
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
  });
}
