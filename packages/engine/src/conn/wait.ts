/** One wait for something, with a soft timeout and an AbortSignal. */

import { DeadlineError } from "../errors.ts";
import { MAX_TIMER_MS } from "./limits.ts";

/** Bounds of one wait; neither harms the connection. */
export interface WaitOptions {
  /** Milliseconds after which the wait rejects with `WS_TIMEOUT`; above 24 days there is none. @default none */
  readonly timeout?: number | undefined;
  /** Rejects the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Someone who waits for a `T`. Settled once; later calls do nothing. */
export interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * Makes a promise and the waiter that settles it. The promise is marked handled: who awaits it sees the rejection,
 * and nobody awaiting it does not crash the process.
 *
 * @param start - Gets the waiter; may settle it at once.
 * @param withdraw - Called when the timeout or the signal settles it, with the waiter.
 */
export function waitFor<T>(
  what: string,
  options: WaitOptions | undefined,
  start: (waiter: Waiter<T>) => void,
  withdraw: (waiter: Waiter<T>) => void = ignore,
): Promise<T> {
  const signal = options?.signal;
  const timeout = options?.timeout ?? Infinity;
  if (signal?.aborted === true) return rejected(signal.reason);
  if (typeof timeout !== "number")
    return rejected(new TypeError(`timeout must be a number of ms, got ${typeof timeout}`));
  if (!(timeout >= 0))
    return rejected(new RangeError(`timeout must be 0 or more milliseconds, got ${timeout}`));
  const timed = timeout <= MAX_TIMER_MS;
  const promise = new Promise<T>((resolve, reject) => {
    if (signal === undefined && !timed) {
      start({ resolve, reject });
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const release = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const waiter: Waiter<T> = {
      resolve: (value) => {
        release();
        resolve(value);
      },
      reject: (error) => {
        release();
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an abort reason may be anything
        reject(error);
      },
    };
    const onAbort = (): void => {
      withdraw(waiter);
      waiter.reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    if (timed) {
      timer = setTimeout(() => {
        withdraw(waiter);
        waiter.reject(new DeadlineError("WS_TIMEOUT", `${what} took longer than ${timeout} ms`));
      }, timeout);
    }
    start(waiter);
  });
  promise.catch(ignore);
  return promise;
}

/** Marks a promise as handled, for those that async functions make. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

/** A rejected promise that is marked handled. */
export function rejected(error: unknown): Promise<never> {
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- as above
  const promise = Promise.reject(error);
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}
