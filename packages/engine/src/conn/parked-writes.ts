/** Writes that wait for their turn, in call order. */

import { waitFor } from "./wait.ts";
import type { WaitOptions, Waiter } from "./wait.ts";

/** Something that waits for its turn: a message behind others, a writer, the close frame. */
export interface ParkedWrite {
  /** Bytes that it will add, for the water marks. */
  readonly bytes: number;
  /** Puts its frames into the endpoint's output. */
  start(): void;
  /** Told when it can't start any more. */
  reject(error: Error): void;
}

// Memory of a parked write besides its payload. Without it a loop that sends empty messages to a peer that does not
// read would stay below every limit.
const OVERHEAD_BYTES = 256;

export class ParkedWrites {
  #writes: ParkedWrite[] = [];
  #bytes = 0;

  get length(): number {
    return this.#writes.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that they cost besides {@link bytes}. */
  get overhead(): number {
    return this.#writes.length * OVERHEAD_BYTES;
  }

  park(write: ParkedWrite): void {
    this.#writes.push(write);
    this.#bytes += write.bytes;
  }

  /**
   * Parks a write and gives the promise of it. The wait withdraws it when it ends before the start.
   *
   * @param start - Puts the frames into the output and settles the waiter, now or later.
   */
  parkAndWait(
    what: string,
    bytes: number,
    options: WaitOptions | undefined,
    start: (waiter: Waiter<void>) => void,
  ): Promise<void> {
    let write: ParkedWrite | undefined;
    return waitFor<void>(
      what,
      options,
      (waiter) => {
        write = { bytes, start: () => start(waiter), reject: (error) => waiter.reject(error) };
        this.park(write);
      },
      () => this.#withdraw(write),
    );
  }

  /** Takes a write back that has not started. */
  #withdraw(write: ParkedWrite | undefined): void {
    const at = write === undefined ? -1 : this.#writes.indexOf(write);
    if (write === undefined || at < 0) return;
    this.#writes.splice(at, 1);
    this.#bytes -= write.bytes;
  }

  /** Starts writes, the oldest first, while `goOn` says so. */
  start(goOn: () => boolean): void {
    let started = 0;
    while (started < this.#writes.length && goOn()) {
      const write = this.#writes[started++]!; // below the length
      this.#bytes -= write.bytes;
      write.start();
    }
    if (started > 0) this.#writes.splice(0, started);
  }

  rejectAll(error: Error): void {
    this.#bytes = 0;
    for (const write of this.#writes.splice(0)) write.reject(error);
  }
}
