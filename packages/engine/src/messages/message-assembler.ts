/** Message assembler: frames in, whole messages or their pieces out (RFC 6455 §5.4, §6.2). */

import { CloseCode } from "../close-code.ts";
import { ProtocolError } from "../errors.ts";
import type { FrameSink } from "../framing/frame-parser.ts";
import { MAX_CONTROL_PAYLOAD_BYTES } from "../framing/frame.ts";
import { isControl, Opcode } from "../framing/opcode.ts";
import { giveStore, lend, takeBack, takeStore } from "../framing/lent-memory.ts";
import { allocateStore } from "../framing/message-memory.ts";
import { copyFromReadMemory, readMemory, viewReadMemory } from "../framing/read-memory.ts";
import type { ControlOpcode } from "../framing/opcode.ts";
import { isValidUtf8, Utf8Validator } from "../framing/utf8.ts";
import type { DataType } from "./message.ts";

/** Says how messages are to be given, which may change at any time, and takes what the assembler finds. */
export interface AssemblerOwner {
  /** Longest message in bytes, after inflating. */
  readonly readLimit: number;
  /** Inflates messages, when compression has been negotiated. */
  readonly deflate: Inflater | undefined;
  /** Messages are given in pieces, beginning with the next one: see {@link MessageAssembler.streamUnfinished}. */
  readonly streaming: boolean;
  /** Only control frames are looked at. */
  readonly discarding: boolean;
  /** Whole messages are given in memory that is used again as soon as {@link onMessage} has returned. */
  readonly lends: boolean;
  onMessage(type: DataType, data: Buffer): void;
  /** Instead of {@link onMessage} while streaming: a message begins. */
  onMessageStart(type: DataType, compressed: boolean): void;
  /** The next piece of it; still deflated when the message is. */
  onMessagePiece(piece: Buffer, last: boolean): void;
  onControl(opcode: ControlOpcode, payload: Buffer): void;
}

/** Inflates whole messages; `undefined` when the result would be over `limit` bytes. */
export interface Inflater {
  inflate(payload: Buffer, limit: number): Buffer | undefined;
}

// Deflate may grow what does not shrink; that much more than readLimit may be retained on the wire's side.
const DEFLATE_SLACK_BYTES = 65_536;
const MIN_STORE_BYTES = 256;
const GROWTH = 5;

export class MessageAssembler implements FrameSink {
  /** May change between two messages. */
  owner: AssemblerOwner;

  // The message that has begun and not ended. #type 0: none.
  #type: DataType | 0 = 0;
  #compressed = false;
  #announced = false;
  #length = 0;
  #store: Buffer | undefined;
  #stored = 0;
  /** Made for the first text that comes in pieces. */
  #utf8: Utf8Validator | undefined;

  // The frame that has begun and not ended.
  #opcode: Opcode = Opcode.continuation;
  #fin = false;
  #frameRest = 0;
  #control: Buffer | undefined;
  #controlLength = 0;

  constructor(owner: AssemblerOwner) {
    this.owner = owner;
  }

  /** A message has begun and not ended. */
  get isInsideMessage(): boolean {
    return this.#type !== 0;
  }

  /** Bytes retained for an unfinished message. */
  get storedBytes(): number {
    return this.#stored;
  }

  /** Gives the message that has begun in pieces too, beginning with what is there of it. */
  streamUnfinished(): void {
    if (this.#type === 0 || this.#announced) return;
    const stored = this.#store?.subarray(0, this.#stored);
    this.dropStore();
    this.#announce();
    if (stored !== undefined && stored.length > 0) this.owner.onMessagePiece(stored, false);
  }

  /** Keeps nothing of the message that has begun: its owner discards. */
  dropStore(): void {
    this.#store = undefined;
    this.#stored = 0;
  }

  onFrame(fin: boolean, rsv1: boolean, opcode: Opcode, length: number): void {
    this.#opcode = opcode;
    if (isControl(opcode)) {
      this.#controlLength = 0;
      return;
    }
    if (opcode === Opcode.continuation) {
      if (this.#type === 0)
        throw sequenceViolation(
          "WS_CONTINUATION_UNEXPECTED",
          "continuation frame without a message",
        );
    } else {
      // "The fragments of one message MUST NOT be interleaved between the fragments of another message" §5.4
      if (this.#type !== 0)
        throw sequenceViolation(
          "WS_DATA_BEFORE_FIN",
          "new message before the last fragment of the previous one",
        );
      this.#beginMessage(opcode, rsv1);
    }
    this.#fin = fin;
    this.#frameRest = length;
    this.#length += length;
    if (!this.owner.discarding) this.#checkLength();
  }

  onPayload(chunk: Buffer, start: number, end: number, last: boolean, ascii = false): void {
    const opcode = this.#opcode;
    if (isControl(opcode)) {
      this.#takeControl(opcode, chunk, start, end, last);
      return;
    }
    this.#frameRest -= end - start;
    const messageEnds = last && this.#fin;
    const { owner } = this;
    if (owner.discarding) {
      if (messageEnds) this.#endMessage();
    } else if (owner.streaming || this.#announced) {
      this.#passOn(chunk, start, end, messageEnds, ascii);
    } else if (messageEnds && this.#stored === 0) {
      this.#deliverPiece(chunk, start, end, ascii);
    } else {
      this.#keep(chunk, start, end, ascii);
      if (messageEnds) this.#deliverKept();
    }
  }

  #beginMessage(type: DataType, compressed: boolean): void {
    this.#type = type;
    this.#compressed = compressed;
    this.#length = 0;
    this.#announced = false;
    this.#utf8?.reset();
    const { owner } = this;
    if (owner.streaming && !owner.discarding) this.#announce();
  }

  #announce(): void {
    if (this.#type === 0) return;
    this.#announced = true;
    this.owner.onMessageStart(this.#type, this.#compressed);
  }

  #endMessage(): void {
    this.#type = 0;
    this.#announced = false;
  }

  /** Refuses a message as soon as a header tells that it will be too long. */
  #checkLength(): void {
    if (this.#length > this.#wireLimit()) throw readLimitExceeded(this.owner.readLimit);
  }

  /** Longest message in bytes as they are received. */
  #wireLimit(): number {
    return this.#compressed ? this.owner.readLimit + DEFLATE_SLACK_BYTES : this.owner.readLimit;
  }

  /** A message that came in one piece: the usual case, without a copy unless others read into that memory. */
  #deliverPiece(chunk: Buffer, start: number, end: number, ascii: boolean): void {
    if (this.#compressed) this.#deliverInflated(chunk.subarray(start, end));
    else {
      const data = this.owner.lends ? lentBytes(chunk, start, end) : ownedBytes(chunk, start, end);
      if (!ascii && this.#type === Opcode.text && !isValidUtf8(data)) throw invalidText();
      this.#deliver(data);
    }
  }

  #deliverInflated(payload: Buffer): void {
    const data = this.#inflated(payload);
    if (this.#type === Opcode.text && !isValidUtf8(data)) throw invalidText();
    this.#deliver(data);
  }

  /** A message whose pieces were kept; its text was checked as they came, unless it was deflated. */
  #deliverKept(): void {
    if (this.#compressed) {
      this.#deliverInflated(this.#takeStore());
      return;
    }
    if (this.#utf8?.complete === false) throw invalidText();
    const store = this.#store;
    const data = this.#takeStore();
    if (this.owner.lends && store !== undefined) this.#deliverLent(data, store);
    else this.#deliver(data);
  }

  #deliverLent(data: Buffer, store: Buffer): void {
    lend(store);
    try {
      this.#deliver(data);
    } finally {
      takeBack();
    }
  }

  #deliver(data: Buffer): void {
    const type = this.#type;
    this.#endMessage();
    if (type !== 0) this.owner.onMessage(type, data);
  }

  #inflated(payload: Buffer): Buffer {
    const { deflate: inflater, readLimit } = this.owner;
    if (inflater === undefined) return payload;
    const data = inflater.inflate(payload, readLimit);
    if (data === undefined) throw readLimitExceeded(readLimit);
    return data;
  }

  #keep(chunk: Buffer, start: number, end: number, ascii: boolean): void {
    this.#checkText(chunk, start, end, ascii);
    const length = this.#stored + (end - start);
    if (length === 0) return;
    if (this.#store === undefined || this.#store.length < length) this.#growStore(length);
    chunk.copy(this.#store!, this.#stored, start, end); // #growStore has just made it
    this.#stored = length;
  }

  /**
   * Takes five times what has come, up to the limit, and never by the length that a header declares, except down to it.
   * What has not been written to yet is no memory. By doubling, an echo of 1 MiB took 1243 µs where it took 835 (Node 20).
   * Four times a full read of 256 KiB lacks the bytes of the header for 1 MiB, and 887 µs were 790 with five.
   */
  #growStore(length: number): void {
    let size = Math.max(MIN_STORE_BYTES, length * GROWTH);
    if (this.#fin) size = Math.min(size, length + this.#frameRest);
    size = Math.max(length, Math.min(size, this.#wireLimit()));
    const store = this.owner.lends ? takeStore(size) : allocateStore(size);
    if (this.#store !== undefined) {
      this.#store.copy(store, 0, 0, this.#stored);
      if (this.owner.lends) giveStore(this.#store);
    }
    this.#store = store;
  }

  #takeStore(): Buffer {
    const data =
      this.#store === undefined ? Buffer.alloc(0) : this.#store.subarray(0, this.#stored);
    this.dropStore();
    return data;
  }

  #passOn(chunk: Buffer, start: number, end: number, last: boolean, ascii: boolean): void {
    this.#checkText(chunk, start, end, ascii);
    if (last) {
      if (this.#type === Opcode.text && !this.#compressed && this.#utf8?.complete === false)
        throw invalidText();
      this.#endMessage();
    }
    if (last || end > start) this.owner.onMessagePiece(ownedBytes(chunk, start, end), last);
  }

  #checkText(chunk: Buffer, start: number, end: number, ascii: boolean): void {
    if (this.#type !== Opcode.text || this.#compressed) return;
    if (ascii && this.#utf8?.complete !== false) return; // it begins with a whole character and ends with one
    if (!(this.#utf8 ??= new Utf8Validator()).push(chunk, start, end)) throw invalidText();
  }

  #takeControl(
    opcode: ControlOpcode,
    chunk: Buffer,
    start: number,
    end: number,
    last: boolean,
  ): void {
    if (last && this.#controlLength === 0) {
      this.owner.onControl(opcode, chunk.subarray(start, end));
      return;
    }
    const control = (this.#control ??= Buffer.allocUnsafeSlow(MAX_CONTROL_PAYLOAD_BYTES));
    chunk.copy(control, this.#controlLength, start, end);
    this.#controlLength += end - start;
    if (last) {
      this.#control = undefined;
      this.owner.onControl(opcode, control.subarray(0, this.#controlLength));
    }
  }
}

/** Bytes that the next read may write over. */
function lentBytes(chunk: Buffer, start: number, end: number): Buffer {
  return chunk === readMemory ? viewReadMemory(start, end) : chunk.subarray(start, end);
}

/** Bytes that stay as they are: a view, or a copy of what the next read will write over. */
function ownedBytes(chunk: Buffer, start: number, end: number): Buffer {
  return chunk === readMemory ? copyFromReadMemory(start, end) : chunk.subarray(start, end);
}

/** The error for a message that is too long. */
export function readLimitExceeded(limit: number): ProtocolError {
  return new ProtocolError(
    "WS_READ_LIMIT",
    CloseCode.messageTooBig,
    `message over the read limit of ${limit} bytes`,
  );
}

/** "the endpoint MUST _Fail the WebSocket Connection_" §8.1, with 1007 by §7.4.1 */
export function invalidText(): ProtocolError {
  return new ProtocolError(
    "WS_UTF8_INVALID",
    CloseCode.invalidPayload,
    "text message is not valid UTF-8",
  );
}

function sequenceViolation(
  code: "WS_CONTINUATION_UNEXPECTED" | "WS_DATA_BEFORE_FIN",
  message: string,
): ProtocolError {
  return new ProtocolError(code, CloseCode.protocolError, message);
}
