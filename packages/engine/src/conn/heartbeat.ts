/** Heartbeat: a ping after silence, and an end for peers that stay silent. */

import { MAX_TIMER_MS } from "./limits.ts";

/** What the heartbeat asks of its connection. */
export interface HeartbeatOwner {
  /** `performance.now()` of the last received bytes. */
  readonly lastReceivedAt: number;
  /** This side does not read at the moment, so silence says nothing about the peer. */
  readonly readingPaused: boolean;
  /** Sends a ping and calls {@link Heartbeat.onPinged} when it is on its way. */
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
  /** A ping waits behind a peer that does not read. */
  #pingQueued = false;

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

  /** The ping is on its way: only now can the peer answer. */
  onPinged(): void {
    if (!this.#pingQueued || this.#timer === undefined) return;
    this.#pingQueued = false;
    this.#pingedAt = performance.now();
    clearTimeout(this.#timer);
    this.#arm(this.#owner.readingPaused ? this.#interval : this.#timeout);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    const delay = Math.min(Math.max(1, Math.ceil(ms)), MAX_TIMER_MS);
    this.#timer = setTimeout(Heartbeat.#onTimer, delay, this);
    this.#timer.unref(); // an idle connection must not keep the process alive
  }

  // One function for all connections.
  static readonly #onTimer = (heartbeat: Heartbeat): void => heartbeat.#check();

  #check(): void {
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
    this.#arm(left > 0 ? left : this.#interval);
    if (left > 0 || this.#pingQueued) return;
    // While reading is paused the ping is a write probe: a peer that is gone makes the write fail.
    this.#pingQueued = true;
    this.#owner.sendHeartbeat();
  }
}
