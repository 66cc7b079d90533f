/** One message written in pieces; other messages wait behind it, control frames do not. */

import { WritableStream } from "node:stream/web";
import { WebSocketError } from "../errors.ts";
import type { MessageDeflate } from "../extensions/message-deflate.ts";
import type { PieceDeflater } from "../extensions/piece-deflater.ts";
import { Opcode } from "../framing/opcode.ts";
import { Utf8Validator } from "../framing/utf8.ts";
import { MessageType } from "../messages/message.ts";
import type { DataType } from "../messages/message.ts";
import { toPayload } from "./payload.ts";
import type { Payload } from "./payload.ts";
import { LONG_MESSAGE_BYTES, nextTurn, SLICE_BYTES } from "./turn-deflate.ts";
import { handled, rejected } from "./wait.ts";
import type { WriteBuffer } from "./write-buffer.ts";
import type { WriteQueue } from "./write-queue.ts";

/** What a writer needs of its connection. */
export interface MessageWriterInit {
  readonly queue: WriteQueue;
  readonly buffer: WriteBuffer;
  /** Compression, when it has been negotiated. */
  readonly deflate: MessageDeflate | undefined;
  /** Called when a message has begun that can't be completed: the connection must close. */
  onUnfinished(): void;
}

/**
 * Writes one message as fragments (RFC 6455 §5.4). Made by `conn.nextWriter()`. Pieces are collected up to the
 * connection's write buffer size and then sent as a fragment, compressed on its own where that has been negotiated:
 * memory stays the same however long the message. {@link close} must follow, else nobody else can write.
 */
export class MessageWriter implements AsyncDisposable {
  readonly type: DataType;
  readonly #queue: WriteQueue;
  readonly #onUnfinished: () => void;
  readonly #utf8: Utf8Validator | undefined;
  readonly #buffer: WriteBuffer;
  readonly #deflate: MessageDeflate | undefined;
  /** Compresses this message, once its first fragment is on its way. */
  #deflater: PieceDeflater | undefined;
  /** A long piece that is compressed between turns, and the calls behind it. */
  #underWay: Promise<void> | undefined;
  #opcode: DataType | typeof Opcode.continuation;
  #closed = false;

  /** @internal */
  constructor(type: DataType, init: MessageWriterInit) {
    this.type = type;
    this.#onUnfinished = () => init.onUnfinished();
    this.#opcode = type;
    this.#queue = init.queue;
    this.#buffer = init.buffer;
    this.#deflate = init.deflate;
    this.#utf8 = type === MessageType.text ? new Utf8Validator() : undefined;
  }

  /**
   * Adds a piece; resolves when more is welcome. Bytes are copied, so the caller may use its buffer again.
   *
   * @throws WebSocketError `WS_WRITER_CLOSED`; TypeError for a text that is not UTF-8 or a payload of another kind.
   */
  write(chunk: Payload): Promise<void> {
    try {
      const payload = toPayload(chunk);
      const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
      if (this.#underWay === undefined && !this.#takesTurns(bytes.length)) {
        return handled(this.#write(bytes));
      }
      const copy = typeof payload === "string" ? bytes : Buffer.from(bytes);
      return this.#behind(() => this.#write(copy));
    } catch (error) {
      return rejected(error);
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    if (
      this.#utf8?.push(
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
        0,
        bytes.length,
      ) === false
    ) {
      throw new TypeError("text message is not valid UTF-8");
    }
    if (this.#takesTurns(bytes.length)) await this.#sendInTurns(bytes);
    else await this.#collect(bytes);
  }

  /** A piece of this length is compressed a slice at a time. */
  #takesTurns(length: number): boolean {
    if (length <= LONG_MESSAGE_BYTES) return false;
    const hasBegun = this.#opcode === Opcode.continuation;
    return hasBegun ? this.#deflater !== undefined : this.#deflate?.enabled === true;
  }

  /** Compresses and sends a long piece; the others' turns come between. */
  async #sendInTurns(bytes: Uint8Array): Promise<void> {
    if (this.#buffer.length > 0) await this.#send(this.#buffer.take(), false);
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
      this.#mustBeOpen();
      await this.#send(bytes.subarray(at, at + SLICE_BYTES), false);
      await nextTurn();
    }
  }

  /** Runs `action` when a long piece and the calls behind it are done: at once when there is none. */
  #behind(action: () => Promise<void>): Promise<void> {
    const before = this.#underWay;
    const done = handled(before === undefined ? action() : before.then(action, action));
    this.#underWay = done;
    const forget = (): void => {
      if (this.#underWay === done) this.#underWay = undefined;
    };
    done.then(forget, forget);
    return done;
  }

  /** Takes all of it at once, so that the pieces of another call can't come between; resolves with the last fragment. */
  #collect(bytes: Uint8Array): Promise<void> | undefined {
    const buffer = this.#buffer;
    let rest = bytes;
    let sent: Promise<void> | undefined;
    while (rest.length > 0) {
      if (buffer.passes(rest.length)) return this.#send(rest, false);
      rest = rest.subarray(buffer.add(rest));
      if (buffer.isFull) sent = this.#send(buffer.take(), false);
    }
    return sent;
  }

  /** Sends what has been collected as a fragment, without ending the message. */
  flush(): Promise<void> {
    if (this.#underWay !== undefined) return this.#behind(() => this.#flush());
    return handled(this.#flush());
  }

  async #flush(): Promise<void> {
    this.#mustBeOpen();
    if (this.#buffer.length > 0) await this.#send(this.#buffer.take(), false);
  }

  /**
   * Ends the message with its final fragment.
   *
   * @throws TypeError when a text ends inside a character; the message is given up then, as by {@link abort}.
   */
  close(): Promise<void> {
    if (this.#underWay !== undefined) return this.#behind(() => this.#close());
    return handled(this.#close());
  }

  async #close(): Promise<void> {
    this.#mustBeOpen();
    if (this.#utf8?.complete === false) {
      this.abort();
      throw new TypeError("text message ends inside a UTF-8 character");
    }
    this.#closed = true;
    const sent = this.#send(this.#buffer.take(), true);
    this.#buffer.release();
    this.#queue.endFragments();
    await sent;
  }

  /**
   * Gives the message up. Nothing of it goes out when no fragment was sent; else the peer can't be told to forget it,
   * and the connection closes with 1011.
   */
  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffer.release();
    if (this.#opcode === this.type) this.#queue.endFragments();
    else this.#onUnfinished();
  }

  /** Closes the writer unless that has been done. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) await this.close();
  }

  /** The same writer as a Web Stream: closing the stream ends the message, aborting it gives the message up. */
  toWritableStream(): WritableStream<Payload> {
    return new WritableStream<Payload>({
      write: (chunk) => this.write(chunk),
      close: () => this.close(),
      abort: () => this.abort(),
    });
  }

  #mustBeOpen(): void {
    if (this.#closed)
      throw new WebSocketError("WS_WRITER_CLOSED", "write to a closed message writer");
  }

  /** The queue copies the payload. */
  #send(payload: Uint8Array, fin: boolean): Promise<void> {
    const opcode = this.#opcode;
    this.#opcode = Opcode.continuation;
    if (opcode === Opcode.continuation) {
      const piece = this.#deflater?.deflate(payload, fin) ?? payload;
      return this.#queue.writeFragment(opcode, piece, fin, false);
    }
    const deflate = this.#deflate;
    // A message that turns out to be short is sent as writeMessage would.
    if (deflate?.enabled === true && (!fin || deflate.applies(payload.length)))
      this.#deflater = deflate.deflatePieces();
    const piece = this.#deflater?.deflate(payload, fin) ?? payload;
    // RSV1 marks "the first frame" of a compressed message, RFC 7692 §6.1
    return this.#queue.writeFragment(opcode, piece, fin, this.#deflater !== undefined);
  }
}
