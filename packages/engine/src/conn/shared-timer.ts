/**
 * Time limits of many connections on one timer of Node for each length. A timer of its own would cost a connection
 * 250 bytes, and its handshake 3 of 150 µs (Node 20).
 */

import { AsyncResource } from "node:async_hooks";

/** Something with a time limit, one at a time. The fields belong to this file. */
export abstract class Timed {
  /** @internal */
  timer: SharedTimer | undefined;
  /** @internal */
  before: Timed | undefined;
  /** @internal */
  behind: Timed | undefined;
  /** @internal `performance.now()` in whole milliseconds. */
  dueAt = 0;

  /** The time is over, and nothing waits any more. */
  abstract onTime(): void;
}

// What runs when a time is over must not see the AsyncLocalStorage of whichever connection came first.
const nobody = new AsyncResource("LongwireTimer");

/** All in it wait equally long, so the first to begin is the first to be over. */
class SharedTimer {
  readonly #length: number;
  #first: Timed | undefined;
  #last: Timed | undefined;
  #timeout: NodeJS.Timeout | undefined;

  constructor(length: number) {
    this.#length = length;
  }

  add(timed: Timed): void {
    timed.timer = this;
    timed.dueAt = Math.ceil(performance.now()) + this.#length;
    timed.before = this.#last;
    if (this.#last === undefined) this.#first = timed;
    else this.#last.behind = timed;
    this.#last = timed;
    if (this.#timeout === undefined) this.#arm(this.#length);
  }

  /** The timer stays as it is: where connections come and go, the next one finds it. */
  remove(timed: Timed): void {
    const { before, behind } = timed;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    timed.timer = undefined;
    timed.before = undefined;
    timed.behind = undefined;
  }

  #arm(ms: number): void {
    nobody.runInAsyncScope(() => {
      this.#timeout = setTimeout(this.#onTimeout, ms);
    });
    this.#timeout?.unref(); // an idle connection must not keep the process alive
  }

  readonly #onTimeout = (): void => {
    const now = Math.ceil(performance.now());
    try {
      while (this.#first !== undefined && this.#first.dueAt <= now) {
        const timed = this.#first;
        this.remove(timed);
        timed.onTime();
      }
    } finally {
      if (this.#first !== undefined) {
        // Those that are due within a 64th of the length share a wake-up.
        this.#arm(Math.max(this.#first.dueAt - now, this.#length / 64, 1));
      } else if (timers.get(this.#length) === this) timers.delete(this.#length);
    }
  };
}

const timers: Map<number, SharedTimer> = new Map();
let clock: typeof setTimeout | undefined;

/**
 * Starts the wait of `timed`, in place of the one that it has. It may last a 64th longer.
 *
 * @param ms - More than 0, and at most `MAX_TIMER_MS`.
 */
export function startWait(timed: Timed, ms: number): void {
  endWait(timed);
  if (setTimeout !== clock) timers.clear(); // a test has faked it, or no longer does: each clock has timers of its own
  clock = setTimeout;
  const length = Math.ceil(ms);
  let timer = timers.get(length);
  if (timer === undefined) timers.set(length, (timer = new SharedTimer(length)));
  timer.add(timed);
}

/** Ends the wait of `timed`, if there is one. */
export function endWait(timed: Timed): void {
  timed.timer?.remove(timed);
}
