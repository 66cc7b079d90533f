/** Heartbeat: a ping after silence, and an end for peers that stay silent. */

import type { ConnLimits } from "./limits.ts";
import { endWait, startWait, Timed } from "./shared-timer.ts";

/** Milliseconds of silence before a ping, `Infinity` for none, and to wait after it. */
type HeartbeatTimes = Pick<ConnLimits, "heartbeatInterval" | "heartbeatTimeout">;

/** Looks after the connection now and then: receiving and sending set no timer. A base class, since objects are memory. */
export abstract class Heartbeat extends Timed {
  readonly #times: HeartbeatTimes;
  /** `performance.now()` of the last received bytes. */
  #lastReceivedAt: number = now();
  /** When the ping that waits for an answer was sent; 0: none waits. */
  #pingedAt = 0;
  /** A ping waits behind a peer that does not read. */
  #pingQueued = false;

  constructor(times: HeartbeatTimes) {
    super();
    this.#times = times;
    if (times.heartbeatInterval !== Infinity) this.#goOn();
  }

  /** This side does not read at the moment, so silence says nothing about the peer. */
  protected abstract readonly readingPaused: boolean;
  /** Sends a ping and calls {@link onPinged} when it is on its way. */
  protected abstract sendHeartbeat(): void;
  protected abstract onSilence(silentMs: number): void;

  onReceived(): void {
    this.#lastReceivedAt = now();
  }

  /** Reading goes on after a pause: the peer gets its whole time again. */
  onResumed(): void {
    if (this.#pingedAt > 0) this.#pingedAt = now();
  }

  /** The ping is on its way: only now can the peer answer. */
  protected onPinged(): void {
    if (!this.#pingQueued) return;
    this.#pingQueued = false;
    this.#pingedAt = now();
  }

  /** Nothing can be asked of the peer any more: a close frame has been sent, and its answer has its own time limit. */
  stopHeartbeat(): void {
    endWait(this);
  }

  /** Each time may be exceeded by an eighth of the shorter one. */
  #goOn(): void {
    const { heartbeatInterval, heartbeatTimeout } = this.#times;
    startWait(this, Math.min(heartbeatInterval, heartbeatTimeout) / 8);
  }

  onTime(): void {
    const { heartbeatInterval, heartbeatTimeout } = this.#times;
    const silentSince = Math.max(this.#lastReceivedAt, this.#pingedAt);
    if (this.#lastReceivedAt >= this.#pingedAt) this.#pingedAt = 0;
    if (this.#pingedAt > 0 && !this.readingPaused) {
      if (now() < this.#pingedAt + heartbeatTimeout) this.#goOn();
      else this.onSilence(now() - this.#lastReceivedAt);
      return;
    }
    this.#goOn();
    if (this.#pingQueued || now() < silentSince + heartbeatInterval) return;
    // While reading is paused the ping is a write probe: a peer that is gone makes the write fail.
    this.#pingQueued = true;
    this.sendHeartbeat();
  }
}

/** In whole milliseconds, which takes no memory of its own. */
function now(): number {
  return Math.trunc(performance.now());
}
