/** One message compressed in pieces, whatever its length, with no more memory than its window (RFC 7692 §7.2.1). */

import { ownCopy, TAIL_BYTES } from "./deflate-codec.ts";
import type { DeflateCodec, DeflateSettings } from "./deflate-codec.ts";
import type { SlidingWindow } from "./sliding-window.ts";

/** "0x00" is the empty message: an empty block without its tail (§7.2.3.6). So ends a message without another byte. */
export const EMPTY_BLOCK: Buffer = Buffer.from([0x00]);

export class PieceDeflater {
  readonly #codec: DeflateCodec;
  readonly #settings: Omit<DeflateSettings, "dictionary">;
  readonly #window: SlidingWindow;

  /** @param window - What came before; the pieces are added to it. */
  constructor(
    codec: DeflateCodec,
    settings: Omit<DeflateSettings, "dictionary">,
    window: SlidingWindow,
  ) {
    this.#codec = codec;
    this.#settings = settings;
    this.#window = window;
  }

  /** Compresses the next piece; the results, one behind the other, are the message's payload. */
  deflate(piece: Uint8Array, last: boolean): Buffer {
    if (piece.length === 0) return last ? EMPTY_BLOCK : EMPTY;
    const { dictionary } = this.#window;
    const blocks = this.#codec.deflate(piece, { ...this.#settings, dictionary });
    this.#window.append(piece);
    // The 00 00 ff ff of every piece but the last one is part of the message.
    return ownCopy(last ? blocks.subarray(0, blocks.length - TAIL_BYTES) : blocks);
  }
}

const EMPTY = Buffer.alloc(0);
