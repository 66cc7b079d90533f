/** The closing of a connection as this side does it: close frame, answer, TCP (RFC 6455 §7.1). Made when it begins. */

import type { Role } from "../framing/frame.ts";
import type { Transport } from "../transport/transport.ts";
import type { ConnLimits } from "./limits.ts";
import type { Liveness } from "./liveness.ts";
import { endWait, startWait, Timed } from "./shared-timer.ts";
import type { WriteQueue } from "./write-queue.ts";

/** What is closed. */
export interface ClosingOwner {
  readonly role: Role;
  readonly limits: ConnLimits;
  readonly transport: Transport;
  readonly writing: WriteQueue;
  readonly liveness: Liveness;
  /** The time for the closing handshake is over. */
  terminate(): void;
}

export class Closing extends Timed {
  readonly #owner: ClosingOwner;
  /** This side has begun: by `close()`, a drain, a violation, an overflow. */
  isLocal = false;
  /** Messages of the peer are dropped until it answers our close frame. */
  isDiscarding = false;
  /** The peer has sent its FIN. */
  peerEnded = false;
  #isSent = false;
  #isLimited = false;
  /** TCP is to end as soon as everything is written. */
  #isFinishing = false;
  /** A close or violation of the peer that waits for the end of the turn. */
  #deferred: (() => void) | undefined;

  constructor(owner: ClosingOwner) {
    super();
    this.#owner = owner;
  }

  /** Our close frame is on its way, behind what was written before. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** Sends our close frame, once. */
  send(code: number, reason: string): void {
    if (this.#isSent) return;
    this.#isSent = true;
    this.#owner.liveness.stopHeartbeat();
    this.#owner.writing.close(code, reason);
  }

  /** Sets the time that the peer has for its answer and its FIN. @param ms - `Infinity` for no limit. */
  limit(ms: number): void {
    this.#isLimited = true;
    if (ms === Infinity) endWait(this);
    else startWait(this, ms);
  }

  onTime(): void {
    this.#owner.terminate();
  }

  /** Both close frames are on their way, or nothing more can be said: TCP follows. */
  finish(): void {
    if (!this.#isLimited) this.limit(this.#owner.limits.closeTimeout);
    this.#isFinishing = true;
    this.endTransport();
  }

  /** "the server ... closes the TCP connection first" §7.1.1, so that TIME_WAIT stays with it; a client waits for that. */
  endTransport(): void {
    const { role, writing, transport } = this.#owner;
    const first = role === "server" || this.peerEnded;
    if (this.#isFinishing && first && writing.isFlushed) transport.end();
  }

  /**
   * Runs `action` behind this turn, so that a handler that answers at once has its answer sent before the close frame.
   * Always: the messages may have come in chunks of their own just before, without a microtask between.
   */
  defer(action: () => void): void {
    this.#deferred = action;
    setImmediate(() => this.runDeferred());
  }

  runDeferred(): void {
    const action = this.#deferred;
    this.#deferred = undefined;
    action?.();
  }
}
