/** What waits in front of the output, and who waits for it: made when a peer is slow or somebody waits for the first time. */

import { DrainWaiters } from "./drain-waiters.ts";
import { ParkedWrites } from "./parked-writes.ts";
import { PayloadOwners } from "./payload-owners.ts";

export class WaitingWrites {
  /** What waits behind a slow peer or an open writer. */
  readonly parked: ParkedWrites = new ParkedWrites();
  /** Control frames that wait behind a slow peer; they pass what is parked. */
  readonly controls: ParkedWrites = new ParkedWrites();
  /** The newest pong that waits; an older one need not be sent (§5.5.3). */
  pong: Uint8Array | undefined;
  readonly drain: DrainWaiters;
  /** Of a message in pieces: what is parked behind it can't go before it is complete, and must not hold it up. */
  readonly pieces: DrainWaiters;
  readonly owners: PayloadOwners = new PayloadOwners();

  /**
   * @param mayDrain - Tells whether {@link drain} may go on.
   * @param mayTakePiece - Tells whether {@link pieces} may go on.
   */
  constructor(mayDrain: () => boolean, mayTakePiece: () => boolean) {
    this.drain = new DrainWaiters(mayDrain);
    this.pieces = new DrainWaiters(mayTakePiece);
  }

  get bytes(): number {
    return this.parked.bytes + this.controls.bytes + (this.pong?.length ?? 0);
  }

  /** Bytes that they cost besides {@link bytes}. */
  get overhead(): number {
    return this.parked.overhead + this.controls.overhead;
  }

  /** No frame waits. A pong does not count: it is never worth a wait. */
  get isEmpty(): boolean {
    return this.parked.length === 0 && this.controls.length === 0;
  }

  /** `bytes` have been handed to the transport; `written`: the kernel has taken them. */
  onHandedOn(bytes: number, written: boolean): void {
    this.drain.count(bytes);
    this.pieces.count(bytes);
    this.owners.onHandedOn(written);
  }

  /** Lets those on who wait for room, when there is some. */
  wake(): void {
    this.drain.wake();
    this.pieces.wake();
  }

  rejectAll(error: Error): void {
    this.pong = undefined;
    this.parked.rejectAll(error);
    this.controls.rejectAll(error);
    this.drain.rejectAll(error);
    this.pieces.rejectAll(error);
    this.owners.rejectAll(error);
  }
}
