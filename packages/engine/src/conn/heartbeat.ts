/** Heartbeat: a ping after silence, and an end for peers that stay silent. */

/** What the heartbeat asks of its connection. */
export interface HeartbeatOwner {
  /** `performance.now()` of the last received bytes. */
  readonly lastReceivedAt: number;
  /** This side does not read at the moment, so silence says nothing about the peer. */
  readonly readingPaused: boolean;
  sendHeartbeat(): void;
  onPeerLost(silentMs: number): void;
}

/** One timer for a connection, re-armed when it fires and not when bytes arrive: receiving costs nothing. */
export class Heartbeat {
  readonly #interval: number;
  readonly #timeout: number;
  readonly #owner: HeartbeatOwner;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the ping that waits for an answer was sent; 0: none waits. */
  #pingedAt = 0;

  /** @param interval - Milliseconds of silence before a ping. @param timeout - Milliseconds to wait after it. */
  constructor(interval: number, timeout: number, owner: HeartbeatOwner) {
    this.#interval = interval;
    this.#timeout = timeout;
    this.#owner = owner;
    this.#arm(interval);
  }

  /** Reading goes on after a pause: the peer gets its whole time again. */
  onResumed(): void {
    if (this.#pingedAt > 0) this.#pingedAt = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(this.#onTimer, Math.max(1, Math.ceil(ms)));
    this.#timer.unref(); // an idle connection must not keep the process alive
  }

  readonly #onTimer = (): void => {
    const now = performance.now();
    const { lastReceivedAt, readingPaused } = this.#owner;
    if (this.#pingedAt > 0 && lastReceivedAt >= this.#pingedAt) this.#pingedAt = 0;
    if (this.#pingedAt > 0 && !readingPaused) {
      const left = this.#pingedAt + this.#timeout - now;
      if (left > 0) this.#arm(left);
      else this.#owner.onPeerLost(now - lastReceivedAt);
      return;
    }
    const left = Math.max(lastReceivedAt, this.#pingedAt) + this.#interval - now;
    if (left > 0) {
      this.#arm(left);
      return;
    }
    // While reading is paused the ping is a write probe: a peer that is gone makes the write fail.
    this.#owner.sendHeartbeat();
    this.#pingedAt = now;
    this.#arm(readingPaused ? this.#interval : this.#timeout);
  };
}
