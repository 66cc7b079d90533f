/** Runs a handler on its connection and applies the lifetime rule when it is done. */

import { connInside } from "./conn.ts";
import type { Conn } from "./conn.ts";

/**
 * Runs `handler`. When it has returned and its promise has settled:
 * it failed: the connection is closed with 1011 and the error reported, unless it is this connection's own end;
 * somebody still reads: the connection carries on; it has read and nobody does or holds: 1000; it never read: it stays open.
 *
 * @param report - The route's error channel; also gets errors of `forEach` callbacks and of unsendable values.
 * @param debug - Gets what is the end of this connection and not a fault.
 */
export function runHandler<In, Out>(
  conn: Conn<In, Out>,
  handler: () => unknown,
  report: (error: unknown) => void,
  debug: (error: unknown) => void = () => {},
): void {
  const inside = connInside(conn); // the lifetime does not look at messages
  // An error of forEach is met again when the handler awaits it. Weak, since a connection may live for weeks.
  const reported = new WeakSet();
  inside.reporter = (error) => {
    if (isObject(error)) {
      if (reported.has(error)) return;
      reported.add(error);
    }
    tell(inside.isOwnEnd(error) ? debug : report, error);
  };
  const fail = (error: unknown): void => {
    inside.report(error);
    inside.lifetime.handlerFailed();
  };
  let result: unknown;
  try {
    result = handler();
  } catch (error) {
    fail(error);
    return;
  }
  // A sync handler is judged like an async one: behind the microtasks that it has started.
  Promise.resolve(result).then(() => inside.lifetime.handlerReturned(), fail);
}

/** Calls a user's function, whose own failure must neither crash the process nor keep the connection open. */
function tell(report: (error: unknown) => unknown, error: unknown): void {
  // oxlint-disable-next-line no-console -- the error channel itself is broken
  const onFailure = (failure: unknown): void => console.error(failure);
  try {
    const result = report(error);
    if (result instanceof Promise) result.catch(onFailure);
  } catch (failure) {
    onFailure(failure);
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
