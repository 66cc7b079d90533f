/** One compressed message inflated as its pieces arrive, with no more memory than zlib needs (RFC 7692 §7.2.2). */

import { createInflateRaw, type InflateRaw } from "node:zlib";
import { MAX_STREAMS_IN_A_MESSAGE, TRAILER } from "../extensions/deflate-codec.ts";
import type { ProtocolError } from "../errors.ts";
import { invalidDeflate } from "../extensions/message-deflate.ts";
import type { MessageDeflate } from "../extensions/message-deflate.ts";

/** Takes what is inflated. */
export interface InflateSink {
  /** The next plaintext; `last`: with it, which may be empty, the message is complete. */
  onPlaintext(plaintext: Buffer, last: boolean): void;
  /** No more plaintext is wanted until {@link InflateStream.resume}. */
  readonly isFull: boolean;
  /** The piece has been inflated: the next may come. */
  onInflated(): void;
  /** Nothing follows. */
  onCorrupt(error: ProtocolError): void;
}

/**
 * Works by Node's asynchronous stream, so that a piece that inflates a thousandfold stops when the reader has enough.
 * One piece at a time: none may be pushed while {@link busy}.
 */
export class InflateStream {
  readonly #deflate: MessageDeflate;
  readonly #sink: InflateSink;
  #zlib: InflateRaw | undefined;
  /** What zlib is at, and where that began in the stream's count of its input. */
  #input: Uint8Array = EMPTY;
  #inputFrom = 0;
  #last = false;
  #busy = false;
  #streams = 0;
  #isEmpty = true;

  constructor(deflate: MessageDeflate, sink: InflateSink) {
    this.#deflate = deflate;
    this.#sink = sink;
  }

  /** A piece is being inflated. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Inflates the next piece of the payload, which is not copied. */
  push(piece: Uint8Array, last: boolean): void {
    this.#busy = true;
    this.#last = last;
    this.#isEmpty &&= piece.length === 0;
    if (this.#isEmpty && last) setImmediate(() => this.#finish());
    else this.#write(last ? Buffer.concat([piece, TRAILER]) : piece);
  }

  /** Goes on after the sink was full. */
  resume(): void {
    this.#zlib?.resume();
  }

  /** Gives zlib's memory back; nothing is called any more. */
  destroy(): void {
    this.#busy = false;
    this.#close();
  }

  #write(input: Uint8Array): void {
    const zlib = (this.#zlib ??= this.#open());
    this.#input = input;
    this.#inputFrom = zlib.bytesWritten;
    if (this.#last) zlib.end(input);
    else zlib.write(input, () => this.#onWritten(zlib));
  }

  #open(): InflateRaw {
    const dictionary = this.#deflate.incomingDictionary;
    const zlib = createInflateRaw({
      windowBits: this.#deflate.incomingBits,
      ...(dictionary === undefined ? {} : { dictionary }),
    });
    zlib.on("data", (plaintext: Buffer) => {
      if (zlib !== this.#zlib) return;
      this.#deflate.received(plaintext);
      this.#sink.onPlaintext(plaintext, false);
      if (this.#sink.isFull) zlib.pause();
    });
    zlib.on("end", () => this.#onStreamEnd(zlib));
    zlib.on("error", (cause: Error) => {
      if (zlib !== this.#zlib) return;
      this.destroy();
      this.#sink.onCorrupt(invalidDeflate(cause));
    });
    return zlib;
  }

  #onWritten(zlib: InflateRaw): void {
    if (zlib !== this.#zlib || !this.#busy) return;
    // What zlib has left over stands behind the end of a stream, which it is going to tell.
    if (zlib.bytesWritten - this.#inputFrom < this.#input.length) return;
    this.#busy = false;
    this.#sink.onInflated();
  }

  /**
   * The end of the message, or a block with BFINAL inside it (§7.2.3.4): then what follows is another stream on the
   * same window.
   */
  #onStreamEnd(zlib: InflateRaw): void {
    if (zlib !== this.#zlib) return;
    const rest = this.#input.subarray(zlib.bytesWritten - this.#inputFrom);
    this.#close();
    if (this.#last && rest.length < TRAILER.length) this.#finish();
    else if (++this.#streams >= MAX_STREAMS_IN_A_MESSAGE) {
      this.destroy();
      const cause = new Error(`more than ${MAX_STREAMS_IN_A_MESSAGE} deflate streams in a message`);
      this.#sink.onCorrupt(invalidDeflate(cause));
    } else this.#write(rest);
  }

  #finish(): void {
    if (!this.#busy) return; // destroyed meanwhile
    this.#busy = false;
    this.#sink.onPlaintext(EMPTY, true);
    this.#sink.onInflated();
  }

  #close(): void {
    const zlib = this.#zlib;
    this.#zlib = undefined;
    zlib?.destroy();
  }
}

const EMPTY = Buffer.alloc(0);
