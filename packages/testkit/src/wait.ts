/** Waits that end: each has a bound and, when it is reached, an error that names what was awaited. */
import type { EventEmitter } from "node:events";

/** How long a wait may take before the test is called failed, in milliseconds. */
export const DEFAULT_WAIT_MS = 5_000;

/** A promise with its ends outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Makes a {@link Deferred}; Node 20 has no `Promise.withResolvers`. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {}); // whoever awaits it still sees the rejection
  return { promise, resolve, reject };
}

/**
 * Awaits `promise` for at most `ms` milliseconds.
 *
 * @param what - Completes "gave up waiting for …"; a function is asked when that is said.
 */
export async function within<T>(
  promise: PromiseLike<T>,
  what: string | (() => string),
  ms: number = DEFAULT_WAIT_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const named = typeof what === "string" ? what : what();
      reject(new Error(`gave up waiting for ${named} after ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Awaits the next `event` of `emitter`, for at most `ms` milliseconds; resolves with its arguments. */
export async function nextEvent(
  emitter: EventEmitter,
  event: string,
  what: string = `the event "${event}"`,
  ms: number = DEFAULT_WAIT_MS,
): Promise<unknown[]> {
  const arrived = deferred<unknown[]>();
  const onEvent = (...values: unknown[]): void => {
    arrived.resolve(values);
  };
  emitter.once(event, onEvent);
  try {
    return await within(arrived.promise, what, ms);
  } finally {
    emitter.off(event, onEvent);
  }
}

/** Values in the order in which they came; `next` awaits the first one that nobody has taken yet. */
export class Inbox<T> {
  /** Everything that ever came, taken or not. */
  readonly all: T[] = [];
  readonly #name: string;
  readonly #waiting: Array<(value: T) => void> = [];
  #taken = 0;

  /** @param name - What one value is, for the error of a wait that is given up. */
  constructor(name: string) {
    this.#name = name;
  }

  push(value: T): void {
    this.all.push(value);
    const waiter = this.#waiting.shift();
    if (waiter === undefined) return;
    this.#taken++;
    waiter(value);
  }

  /** Takes the next value, waiting at most `ms` milliseconds for it. */
  async next(ms: number = DEFAULT_WAIT_MS): Promise<T> {
    if (this.#taken < this.all.length) {
      // The index was bounds-checked on the line above; T itself may include undefined.
      return this.all[this.#taken++] as T;
    }
    const arrival = deferred<T>();
    this.#waiting.push(arrival.resolve);
    try {
      return await within(arrival.promise, this.#name, ms);
    } finally {
      const place = this.#waiting.indexOf(arrival.resolve);
      if (place !== -1) this.#waiting.splice(place, 1);
    }
  }
}
