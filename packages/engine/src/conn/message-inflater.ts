/** A compressed message on its way into its reader: limit, text and backpressure are those of the plaintext. */

import type { ProtocolError } from "../errors.ts";
import type { MessageDeflate } from "../extensions/message-deflate.ts";
import { Opcode } from "../framing/opcode.ts";
import { Utf8Validator } from "../framing/utf8.ts";
import { invalidText, readLimitExceeded } from "../messages/message-assembler.ts";
import { InflateStream } from "./inflate-stream.ts";
import type { InflateSink } from "./inflate-stream.ts";
import type { MessageReader } from "./message-reader.ts";

/** What the inflater asks and tells the reading half. */
export interface InflaterOwner {
  readonly readLimit: number;
  /** The piece has been inflated, and given or thrown away; `complete`: the message has ended with it. */
  onInflated(complete: boolean): void;
  /** The peer broke a rule or a limit. Nothing follows. */
  onInflateViolation(error: ProtocolError): void;
}

export class MessageInflater implements InflateSink {
  readonly #reader: MessageReader;
  readonly #stream: InflateStream;
  readonly #maxReaderBytes: number;
  readonly #owner: InflaterOwner;
  readonly #utf8: Utf8Validator | undefined;
  #length = 0;
  #complete = false;

  /** @param maxReaderBytes - Inflating pauses when so much waits in the reader. */
  constructor(
    reader: MessageReader,
    deflate: MessageDeflate,
    maxReaderBytes: number,
    owner: InflaterOwner,
  ) {
    this.#reader = reader;
    this.#maxReaderBytes = maxReaderBytes;
    this.#owner = owner;
    this.#utf8 = reader.type === Opcode.text ? new Utf8Validator() : undefined;
    this.#stream = new InflateStream(deflate, this);
  }

  /** A piece is being inflated: none may be pushed. */
  get busy(): boolean {
    return this.#stream.busy;
  }

  push(piece: Uint8Array, last: boolean): void {
    this.#stream.push(piece, last);
  }

  /** Goes on when there is room in the reader again. */
  resume(): void {
    if (!this.isFull) this.#stream.resume();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  /** An abandoned reader is never full: the rest is inflated all the same, since later messages may refer to it. */
  get isFull(): boolean {
    return this.#reader.bufferedBytes >= this.#maxReaderBytes;
  }

  onPlaintext(plaintext: Buffer, last: boolean): void {
    this.#length += plaintext.length;
    if (this.#length > this.#owner.readLimit) {
      this.#fail(readLimitExceeded(this.#owner.readLimit));
      return;
    }
    const utf8 = this.#utf8;
    if (
      utf8?.push(plaintext, 0, plaintext.length) === false ||
      (last && utf8?.complete === false)
    ) {
      this.#fail(invalidText());
      return;
    }
    this.#complete = last;
    this.#reader.push(plaintext, last);
  }

  onInflated(): void {
    this.#owner.onInflated(this.#complete);
  }

  onCorrupt(error: ProtocolError): void {
    this.#owner.onInflateViolation(error);
  }

  #fail(error: ProtocolError): void {
    this.#stream.destroy();
    this.#owner.onInflateViolation(error);
  }
}
