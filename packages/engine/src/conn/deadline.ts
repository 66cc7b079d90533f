/** An absolute deadline, as gorilla's: once it has passed for a waiting operation, that direction has failed. */

import { MAX_TIMER_MS } from "./limits.ts";

export class Deadline {
  #at = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onPassed: () => void;

  /** @param onPassed - Called when the time comes, also at once when it has passed already. */
  constructor(onPassed: () => void) {
    this.#onPassed = onPassed;
  }

  get passed(): boolean {
    return this.#at !== Infinity && Date.now() >= this.#at;
  }

  /**
   * Sets the deadline; `null` clears it.
   *
   * @param at - A Date or milliseconds since the epoch.
   * @throws RangeError when it is not a time.
   */
  set(at: Date | number | null): void {
    this.clear();
    if (at === null) return;
    const ms = typeof at === "number" ? at : at.getTime();
    if (Number.isNaN(ms))
      throw new RangeError(
        `deadline must be a Date or milliseconds since the epoch, got ${String(at)}`,
      );
    this.#at = ms;
    this.#arm();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#at = Infinity;
  }

  #arm(): void {
    const left = this.#at - Date.now();
    if (left === Infinity) return;
    if (left <= 0) {
      this.#onPassed();
      return;
    }
    this.#timer = setTimeout(() => this.#arm(), Math.min(left, MAX_TIMER_MS));
    this.#timer.unref(); // a pending deadline must not keep the process alive
  }
}
