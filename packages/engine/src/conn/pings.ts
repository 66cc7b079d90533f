/** Pings that wait for their pongs. */

import type { Waiter } from "./wait.ts";

interface PendingPing {
  readonly payload: Buffer;
  readonly waiter: Waiter<number>;
  sentAt: number;
}

export class Pings {
  #pending: PendingPing[] = [];
  #counter = 0;
  /** Milliseconds between the newest answered ping and its pong. */
  roundTripTime: number | undefined;

  /** A payload that no other ping of this connection has. */
  nextPayload(): Buffer {
    const payload = Buffer.allocUnsafeSlow(4);
    payload.writeUInt32BE(++this.#counter >>> 0);
    return payload;
  }

  add(payload: Uint8Array, waiter: Waiter<number>): void {
    this.#pending.push({ payload: Buffer.from(payload), waiter, sentAt: performance.now() });
  }

  /** The ping has reached the socket. */
  onSent(waiter: Waiter<number>): void {
    const ping = this.#pending.find((pending) => pending.waiter === waiter);
    if (ping !== undefined) ping.sentAt = performance.now();
  }

  remove(waiter: Waiter<number>): void {
    this.#pending = this.#pending.filter((ping) => ping.waiter !== waiter);
  }

  /**
   * Settles the ping that this pong answers, and the older ones: the peer "MAY elect to send a Pong frame for only
   * the most recently processed Ping frame" §5.5.3.
   */
  onPong(payload: Buffer): void {
    const at = this.#pending.findIndex((ping) => ping.payload.equals(payload));
    if (at < 0) return; // "A Pong frame MAY be sent unsolicited" §5.5.3
    const now = performance.now();
    this.roundTripTime = now - this.#pending[at]!.sentAt; // found there
    for (const ping of this.#pending.splice(0, at + 1)) ping.waiter.resolve(now - ping.sentAt);
  }

  fail(error: Error): void {
    for (const ping of this.#pending.splice(0)) ping.waiter.reject(error);
  }
}
