/** Whether the peer is still there: pings, their round trips, and the heartbeat. */

import { WebSocketError } from "../errors.ts";
import { MessageType } from "../messages/message.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { ConnLimits } from "./limits.ts";
import { Pings } from "./pings.ts";
import type { ReadEnd } from "./read-end.ts";
import { waitFor } from "./wait.ts";
import type { WaitOptions } from "./wait.ts";
import type { WriteQueue } from "./write-queue.ts";

/** What liveness looks at and acts on. */
export interface LivenessOwner {
  readonly readingPaused: boolean;
  readonly writing: WriteQueue;
  onPeerLost(error: Error): void;
}

export class Liveness extends Heartbeat {
  readonly #owner: LivenessOwner;
  #pings: Pings | undefined;
  /** Ends the wait for the pong of an earlier heartbeat: a peer that never answers must not leave a row of them. */
  #heartbeatWait: AbortController | undefined;

  constructor(owner: LivenessOwner, limits: ConnLimits) {
    super(limits);
    this.#owner = owner;
  }

  protected get readingPaused(): boolean {
    return this.#owner.readingPaused;
  }

  /** Milliseconds between the newest answered ping and its pong. */
  get roundTripTime(): number | undefined {
    return this.#pings?.roundTripTime;
  }

  /** Sends a ping, with a payload of its own unless one is given, and resolves with the round trip in ms. */
  ping(payload: Uint8Array | undefined, options: WaitOptions): Promise<number> {
    return this.#ping(payload, options, ignore);
  }

  #ping(
    payload: Uint8Array | undefined,
    options: WaitOptions,
    onSent: () => void,
  ): Promise<number> {
    const withdrawal = new AbortController();
    return waitFor<number>(
      "ping()",
      options,
      (waiter) => {
        const { failure } = this.#owner.writing;
        if (failure !== undefined) {
          waiter.reject(failure);
          return;
        }
        const pings = (this.#pings ??= new Pings());
        const sent = payload ?? pings.nextPayload();
        pings.add(sent, waiter);
        // The clock starts when the ping reaches the socket.
        void this.#owner.writing
          .control(MessageType.ping, sent, { signal: withdrawal.signal })
          .then(() => {
            pings.onSent(waiter);
            onSent();
          }, ignore);
      },
      (waiter) => {
        this.#pings?.remove(waiter);
        withdrawal.abort();
      },
    );
  }

  protected sendHeartbeat(): void {
    this.#heartbeatWait?.abort();
    this.#heartbeatWait = new AbortController();
    const { signal } = this.#heartbeatWait;
    void this.#ping(undefined, { signal }, () => this.onPinged());
  }

  onPong(payload: Buffer): void {
    this.#pings?.onPong(payload);
  }

  protected onSilence(silentMs: number): void {
    const silence = `nothing was received for ${Math.round(silentMs)} ms, a ping included`;
    this.#owner.onPeerLost(new WebSocketError("WS_PONG_TIMEOUT", silence));
  }

  /** The connection has ended. */
  stop(end: ReadEnd): void {
    this.stopHeartbeat();
    this.#pings?.fail(end.error);
  }
}

function ignore(): void {}
