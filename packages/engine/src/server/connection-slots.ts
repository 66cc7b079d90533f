/** How many connections an Upgrader may have open, in all and from one address. */

import type { ClosedListener } from "../conn/closed-listener.ts";

/** A place that was taken, from acceptance to the end of the connection. */
export class Slot implements ClosedListener {
  nextListener: ClosedListener | undefined;
  #slots: ConnectionSlots | undefined;
  readonly #address: string;
  readonly #outer: Slot | undefined;

  constructor(slots: ConnectionSlots, address: string, outer: Slot | undefined) {
    this.#slots = slots;
    this.#address = address;
    this.#outer = outer;
  }

  /** A second time does nothing. */
  release(): void {
    this.#slots?.giveBack(this.#address);
    this.#slots = undefined;
    this.#outer?.release();
  }

  onClosed(): void {
    this.release();
  }
}

export class ConnectionSlots {
  readonly #limit: number;
  readonly #limitPerAddress: number;
  readonly #outer: ConnectionSlots | undefined;
  /** There is a limit, here or outside. */
  readonly #counts: boolean;
  readonly #perAddress: Map<string, number> = new Map();
  #taken = 0;

  /** @param outer - Where each place of these is taken too. */
  constructor(limit: number, limitPerAddress: number, outer?: ConnectionSlots) {
    this.#limit = limit;
    this.#limitPerAddress = limitPerAddress;
    this.#outer = outer;
    const outside = outer !== undefined && outer.#counts;
    this.#counts = limit !== Infinity || limitPerAddress !== Infinity || outside;
  }

  /** Connections open or about to open, where there is a limit. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes a place.
   *
   * @returns It, undefined where there is no limit, or the status that refuses: 503 when all are taken, 429 when this
   * address has its share.
   */
  take(address: string): Slot | undefined | 503 | 429 {
    if (!this.#counts) return undefined;
    const counts = this.#limitPerAddress !== Infinity;
    const ofAddress = counts ? (this.#perAddress.get(address) ?? 0) : 0;
    if (this.#taken >= this.#limit) return 503;
    if (ofAddress >= this.#limitPerAddress) return 429;
    const outer = this.#outer?.take(address);
    if (typeof outer === "number") return outer;
    this.#taken++;
    if (counts) this.#perAddress.set(address, ofAddress + 1);
    return new Slot(this, address, outer);
  }

  /** @internal */
  giveBack(address: string): void {
    this.#taken--;
    if (this.#limitPerAddress === Infinity) return;
    const left = (this.#perAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}
