/** The message that is being read in pieces: its reader, and what inflates it on the way there. */

import type { ProtocolError } from "../errors.ts";
import type { Endpoint } from "../endpoint/endpoint.ts";
import type { DataType } from "../messages/message.ts";
import type { Intake } from "./intake.ts";
import type { ConnLimits } from "./limits.ts";
import { MessageInflater } from "./message-inflater.ts";
import type { InflaterOwner } from "./message-inflater.ts";
import { MessageReader } from "./message-reader.ts";

/** What it tells the reading half. */
export interface StreamedMessageOwner {
  /** Gets on when the reader has room again. */
  readonly intake: Intake;
  /** In a turn of its own: a piece has been inflated, so that more can be parsed. */
  onInflated(): void;
  /** In a turn of its own: the peer broke a rule or a limit. */
  onInflateViolation(error: ProtocolError): void;
}

export class StreamedMessage implements InflaterOwner {
  readonly #endpoint: Endpoint;
  readonly #maxReaderBytes: number;
  readonly #maxPieceBytes: number;
  readonly #owner: StreamedMessageOwner;
  /** The reader of the message under way, abandoned or not. */
  #reader: MessageReader | undefined;
  #inflater: MessageInflater | undefined;

  constructor(endpoint: Endpoint, limits: ConnLimits, owner: StreamedMessageOwner) {
    this.#endpoint = endpoint;
    this.#maxReaderBytes = limits.readQueueBytes;
    this.#maxPieceBytes = limits.readBufferSize;
    this.#owner = owner;
  }

  /** A reader has not come to the end of its message. */
  get isOpen(): boolean {
    return this.#reader?.ended === false;
  }

  /** So much waits in the reader that nothing more may be parsed. */
  get isFull(): boolean {
    return (this.#reader?.bufferedBytes ?? 0) >= this.#maxReaderBytes;
  }

  /** A piece is being inflated: what follows can't be parsed before. */
  get isInflating(): boolean {
    return this.#inflater?.busy === true;
  }

  get readLimit(): number {
    return this.#endpoint.readLimit;
  }

  begin(type: DataType, compressed: boolean): MessageReader {
    const reader = new MessageReader(type, {
      maxPieceBytes: this.#maxPieceBytes,
      onTaken: () => {
        this.#inflater?.resume();
        this.#owner.intake.pump();
      },
    });
    this.#reader = reader;
    const { deflate } = this.#endpoint;
    if (compressed && deflate !== undefined) {
      this.#inflater = new MessageInflater(reader, deflate, this.#maxReaderBytes, this);
    }
    return reader;
  }

  /** Takes the next piece off the parser, and stops that when it is to wait. */
  push(piece: Buffer, last: boolean): void {
    if (this.#inflater !== undefined) {
      this.#endpoint.stop();
      this.#inflater.push(piece, last);
      return;
    }
    this.#reader?.push(piece, last);
    if (this.isFull) this.#endpoint.stop();
    if (last) this.#reader = undefined;
  }

  onInflated(complete: boolean): void {
    if (complete) {
      this.#inflater = undefined;
      this.#reader = undefined;
    }
    this.#owner.onInflated();
  }

  onInflateViolation(error: ProtocolError): void {
    this.#inflater = undefined;
    this.#endpoint.stopListening();
    this.#owner.onInflateViolation(error);
  }

  /** Another read has begun: the rest is thrown away. Tells whether there was one. */
  abandon(): boolean {
    if (this.#reader === undefined) return false;
    this.#reader.abandon();
    this.#inflater?.resume();
    return true;
  }

  /** The connection has ended inside this message. */
  fail(error: Error): void {
    this.discard();
    this.#reader?.fail(error);
  }

  /** Inflates nothing any more. */
  discard(): void {
    this.#inflater?.destroy();
    this.#inflater = undefined;
  }
}
