/** Writers of long payloads, which go by reference: their memory is free again when the kernel has the bytes. */

import type { Waiter } from "./wait.ts";

export class PayloadOwners {
  #ofOutput: readonly Waiter<void>[] = NONE;
  #ofWrite: readonly Waiter<void>[] = NONE;

  /** A payload is in the output. */
  add(owner: Waiter<void>): void {
    this.#ofOutput = [...this.#ofOutput, owner];
  }

  /** The output has been handed on; `written`: the kernel has taken all of it. */
  onHandedOn(written: boolean): void {
    if (this.#ofOutput.length > 0) {
      this.#ofWrite = [...this.#ofWrite, ...this.#ofOutput];
      this.#ofOutput = NONE;
    }
    if (written) this.onWritten();
  }

  /** The kernel has all that was handed on. */
  onWritten(): void {
    const owners = this.#ofWrite;
    this.#ofWrite = NONE;
    for (const owner of owners) owner.resolve();
  }

  rejectAll(error: Error): void {
    const owners = [...this.#ofOutput, ...this.#ofWrite];
    this.#ofOutput = NONE;
    this.#ofWrite = NONE;
    for (const owner of owners) owner.reject(error);
  }
}

// Most connections never have any: no arrays for those. Never added to.
const NONE: readonly Waiter<void>[] = [];
