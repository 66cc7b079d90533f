/** Writers that wait until the buffered amount is below the water mark. */

import { waitFor } from "./wait.ts";
import type { WaitOptions, Waiter } from "./wait.ts";

// So much is written before those who wait are let on by way of the event loop.
const TURN_BYTES = 1_048_576;

export class DrainWaiters {
  readonly #isBelow: () => boolean;
  #waiters: Waiter<void>[] = [];
  #bytesThisTurn = 0;

  /** @param isBelow - Tells whether there is room. */
  constructor(isBelow: () => boolean) {
    this.#isBelow = isBelow;
  }

  get length(): number {
    return this.#waiters.length;
  }

  wait(options?: WaitOptions): Promise<void> {
    return waitFor<void>(
      "drained()",
      options,
      (waiter) => this.#waiters.push(waiter),
      (waiter) => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
      },
    );
  }

  /** Counts what was written: a loop of awaited writes to a peer that takes everything must come back to the event loop. */
  count(bytes: number): void {
    this.#bytesThisTurn += bytes;
  }

  /** Lets those on who wait, when there is room. */
  wake(): void {
    if (this.#waiters.length === 0 || !this.#isBelow()) return;
    if (this.#bytesThisTurn >= TURN_BYTES) {
      setImmediate(this.#onNextTurn);
      return;
    }
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  readonly #onNextTurn = (): void => {
    this.#bytesThisTurn = 0;
    this.wake();
  };

  rejectAll(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
