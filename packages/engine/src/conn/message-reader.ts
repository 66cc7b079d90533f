/** One message read in pieces, which arrive before the message is complete. */

import { ReadableStream } from "node:stream/web";
import type { DataType, Message } from "../messages/message.ts";
import { handled, rejected, waitFor } from "./wait.ts";
import type { Waiter } from "./wait.ts";

/** What a reader needs of the connection it reads from. */
export interface ReaderSource {
  /** Longest piece to give, in bytes. */
  readonly maxPieceBytes: number;
  /** Pieces have been taken: reading from the socket may go on. */
  onTaken(): void;
}

// Pieces below this are joined while they wait: a view costs 100 bytes and keeps a whole received chunk, so that
// 256 KiB in fragments of one byte would otherwise retain 26 MiB.
const JOINED_BELOW_BYTES = 1024;
const JOINED_BYTES = 4096;

/**
 * The pieces of one message, in order, however the peer has cut them. Made by `conn.nextReader()`.
 * At most the read queue's water mark is buffered; the next read of any kind discards what is left.
 */
export class MessageReader implements AsyncIterableIterator<Buffer> {
  readonly type: DataType;
  readonly #source: ReaderSource;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Short pieces, joined: the last one in {@link #pieces} is a view of its first `#joinedBytes`. */
  #joined: Buffer | undefined;
  #joinedBytes = 0;
  #ended = false;
  #error: Error | undefined;
  #waiter: Waiter<IteratorResult<Buffer, undefined>> | undefined;

  constructor(type: DataType, source: ReaderSource) {
    this.type = type;
    this.#source = source;
  }

  /** @internal A reader of a message that is complete. */
  static of(message: Message, maxPieceBytes: number): MessageReader {
    const reader = new MessageReader(message.type, { maxPieceBytes, onTaken: () => {} });
    reader.push(message.data, true);
    return reader;
  }

  /** Bytes that have arrived and wait to be taken. */
  get bufferedBytes(): number {
    return this.#bytes;
  }

  /** Nothing more will come: the message is complete, discarded, or the connection has failed. */
  get ended(): boolean {
    return this.#ended || this.#error !== undefined;
  }

  /** The next piece. One call at a time; `done` behind the last one, and when a later read has discarded the rest. */
  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#waiter !== undefined) {
      return rejected(new TypeError("MessageReader.next() called while another call waits"));
    }
    const piece = this.#takePiece();
    if (piece !== undefined) {
      this.#source.onTaken();
      return Promise.resolve({ value: piece, done: false });
    }
    if (this.#error !== undefined) return rejected(this.#error);
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return waitFor<IteratorResult<Buffer, undefined>>("next()", undefined, (waiter) => {
      this.#waiter = waiter;
    });
  }

  /** Discards the rest of the message. */
  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.abandon();
    this.#source.onTaken();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The same pieces as a Web Stream. */
  toReadableStream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { value, done } = await this.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => {
          void this.return();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Reads the rest into one buffer. */
  readAll(): Promise<Buffer> {
    return handled(this.#readAll());
  }

  async #readAll(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** @internal The connection gives the next piece. */
  push(piece: Buffer, last: boolean): void {
    if (this.#ended) return;
    if (last) this.#ended = true;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (piece.length === 0) {
      if (last) waiter?.resolve({ value: undefined, done: true });
      else this.#waiter = waiter;
      return;
    }
    if (waiter !== undefined && piece.length <= this.#source.maxPieceBytes) {
      waiter.resolve({ value: piece, done: false });
      return;
    }
    this.#keep(piece);
    this.#bytes += piece.length;
    const taken = waiter === undefined ? undefined : this.#takePiece();
    if (taken !== undefined) waiter?.resolve({ value: taken, done: false });
  }

  #takePiece(): Buffer | undefined {
    const { maxPieceBytes } = this.#source;
    const piece = this.#pieces[0];
    if (piece === undefined) return undefined;
    if (piece.length > maxPieceBytes) {
      if (this.#pieces.length === 1) this.#joined = undefined; // its front is the caller's now
      this.#pieces[0] = piece.subarray(maxPieceBytes);
      this.#bytes -= maxPieceBytes;
      return piece.subarray(0, maxPieceBytes);
    }
    this.#pieces.shift();
    if (this.#pieces.length === 0) this.#joined = undefined; // it is the caller's now
    this.#bytes -= piece.length;
    return piece;
  }

  #keep(piece: Buffer): void {
    if (piece.length >= JOINED_BELOW_BYTES) {
      this.#joined = undefined;
      this.#pieces.push(piece);
      return;
    }
    const end = this.#joinedBytes + piece.length;
    if (this.#joined === undefined || end > JOINED_BYTES) {
      this.#joined = Buffer.allocUnsafeSlow(JOINED_BYTES);
      this.#joined.set(piece);
      this.#joinedBytes = piece.length;
      this.#pieces.push(this.#joined.subarray(0, piece.length));
      return;
    }
    this.#joined.set(piece, this.#joinedBytes);
    this.#joinedBytes = end;
    this.#pieces[this.#pieces.length - 1] = this.#joined.subarray(0, end);
  }

  /** @internal The connection has ended inside this message; what arrived is still given. */
  fail(error: Error): void {
    if (this.ended) return;
    this.#error = error;
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  /** @internal Another read has begun, or the reader has lost interest. */
  abandon(): void {
    this.#ended = true;
    this.#pieces = [];
    this.#joined = undefined;
    this.#bytes = 0;
    this.#waiter?.resolve({ value: undefined, done: true });
    this.#waiter = undefined;
  }
}
