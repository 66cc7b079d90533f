/** A long message compressed a slice at a time, between turns of the event loop. */

import type { PieceDeflater } from "../extensions/piece-deflater.ts";

/** Messages above this are compressed in slices: 3 ms and more at level 1, when everybody else waits 12 ms at level 6. */
export const LONG_MESSAGE_BYTES = 262_144;
export const SLICE_BYTES = 65_536;

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class TurnDeflate {
  readonly #deflater: PieceDeflater;
  readonly #message: Uint8Array;
  readonly #onDone: (payload: Buffer) => void;
  readonly #pieces: Buffer[] = [];
  #at = 0;
  #nextTurn: NodeJS.Immediate | undefined;

  /**
   * Begins with the first slice at once.
   *
   * @param message - Must stay as it is until `onDone`.
   * @param onDone - Gets the payload of the frame, in a later turn.
   */
  constructor(deflater: PieceDeflater, message: Uint8Array, onDone: (payload: Buffer) => void) {
    this.#deflater = deflater;
    this.#message = message;
    this.#onDone = onDone;
    this.#deflateSlice();
  }

  /** Bytes of the message. */
  get bytes(): number {
    return this.#message.length;
  }

  readonly #deflateSlice = (): void => {
    const end = Math.min(this.#at + SLICE_BYTES, this.#message.length);
    const isLast = end === this.#message.length;
    this.#pieces.push(this.#deflater.deflate(this.#message.subarray(this.#at, end), isLast));
    this.#at = end;
    this.#nextTurn = setImmediate(isLast ? this.#finish : this.#deflateSlice);
  };

  readonly #finish = (): void => {
    this.#onDone(Buffer.concat(this.#pieces));
  };

  /** Stops; `onDone` is not called any more. */
  cancel(): void {
    clearImmediate(this.#nextTurn);
  }
}
