/** Runs a handler on its connection and applies the lifetime rule when it is done. */

import type { ErrorReporter } from "./conn-core.ts";
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
  inside.reporter = new HandlerReporter(inside, report, debug);
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

/**
 * Tells each error once. An object and no closure: V8 keeps a closure that is stored in a property to its next full
 * collection, with all that it can see, which is the request (Node 20 and 24).
 */
class HandlerReporter implements ErrorReporter {
  readonly #conn: { isOwnEnd(error: unknown): boolean };
  readonly #report: (error: unknown) => void;
  readonly #debug: (error: unknown) => void;
  /** An error of forEach is met again when the handler awaits it. Weak, since a connection may live for weeks. */
  #reported: WeakSet<object> | undefined;

  constructor(
    conn: { isOwnEnd(error: unknown): boolean },
    report: (error: unknown) => void,
    debug: (error: unknown) => void,
  ) {
    this.#conn = conn;
    this.#report = report;
    this.#debug = debug;
  }

  report(error: unknown): void {
    if (isObject(error)) {
      this.#reported ??= new WeakSet();
      if (this.#reported.has(error)) return;
      this.#reported.add(error);
    }
    tell(this.#conn.isOwnEnd(error) ? this.#debug : this.#report, error);
  }
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
