/** Heartbeat: a ping after silence, and an end for peers that stay silent. */

import { endWait, startWait, Timed } from "./shared-timer.ts";

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

/** Looks after the connection now and then: receiving and sending set no timer. */
export class Heartbeat extends Timed {
  readonly #interval: number;
  readonly #timeout: number;
  readonly #owner: HeartbeatOwner;
  /** When the ping that waits for an answer was sent; 0: none waits. */
  #pingedAt = 0;
  /** A ping waits behind a peer that does not read. */
  #pingQueued = false;

  /** @param interval - Milliseconds of silence before a ping. @param timeout - Milliseconds to wait after it. */
  constructor(interval: number, timeout: number, owner: HeartbeatOwner) {
    super();
    this.#interval = interval;
    this.#timeout = timeout;
    this.#owner = owner;
    this.#goOn();
  }

  /** Reading goes on after a pause: the peer gets its whole time again. */
  onResumed(): void {
    if (this.#pingedAt > 0) this.#pingedAt = now();
  }

  /** The ping is on its way: only now can the peer answer. */
  onPinged(): void {
    if (!this.#pingQueued) return;
    this.#pingQueued = false;
    this.#pingedAt = now();
  }

  stop(): void {
    endWait(this);
  }

  /** Each time may be exceeded by an eighth of the shorter one. */
  #goOn(): void {
    startWait(this, Math.min(this.#interval, this.#timeout) / 8);
  }

  onTime(): void {
    const { lastReceivedAt, readingPaused } = this.#owner;
    const silentSince = Math.max(lastReceivedAt, this.#pingedAt);
    if (lastReceivedAt >= this.#pingedAt) this.#pingedAt = 0;
    if (this.#pingedAt > 0 && !readingPaused) {
      if (now() >= this.#pingedAt + this.#timeout) this.#owner.onPeerLost(now() - lastReceivedAt);
      else this.#goOn();
      return;
    }
    this.#goOn();
    if (this.#pingQueued || now() < silentSince + this.#interval) return;
    // While reading is paused the ping is a write probe: a peer that is gone makes the write fail.
    this.#pingQueued = true;
    this.#owner.sendHeartbeat();
  }
}

/** In whole milliseconds, which takes no memory of its own. */
export function now(): number {
  return Math.trunc(performance.now());
}
