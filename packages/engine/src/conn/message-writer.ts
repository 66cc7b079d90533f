/** One message written in pieces; other messages wait behind it, control frames do not. */

import { WritableStream } from "node:stream/web";
import { WebSocketError } from "../errors.ts";
import { Opcode } from "../framing/opcode.ts";
import { Utf8Validator } from "../framing/utf8.ts";
import { MessageType } from "../messages/message.ts";
import type { DataType } from "../messages/message.ts";
import { toPayload } from "./payload.ts";
import type { Payload } from "./payload.ts";
import { handled } from "./wait.ts";
import type { WriteBuffer } from "./write-buffer.ts";
import type { WriteQueue } from "./write-queue.ts";

/**
 * Writes one message as fragments (RFC 6455 §5.4). Made by `conn.nextWriter()`. Pieces are collected up to the
 * connection's write buffer size and then sent as a fragment; {@link close} must follow, else nobody else can write.
 */
export class MessageWriter implements AsyncDisposable {
  readonly type: DataType;
  readonly #queue: WriteQueue;
  readonly #onUnfinished: () => void;
  readonly #utf8: Utf8Validator | undefined;
  readonly #buffer: WriteBuffer;
  #opcode: DataType | typeof Opcode.continuation;
  #closed = false;

  /** @param onUnfinished - Called when a message has begun that can't be completed: the connection must close. */
  constructor(type: DataType, queue: WriteQueue, buffer: WriteBuffer, onUnfinished: () => void) {
    this.type = type;
    this.#onUnfinished = onUnfinished;
    this.#opcode = type;
    this.#queue = queue;
    this.#buffer = buffer;
    this.#utf8 = type === MessageType.text ? new Utf8Validator() : undefined;
  }

  /**
   * Adds a piece; resolves when more is welcome. Bytes are copied, so the caller may use its buffer again.
   *
   * @throws WebSocketError `WS_WRITER_CLOSED`; TypeError for a text that is not UTF-8 or a payload of another kind.
   */
  write(chunk: Payload): Promise<void> {
    return handled(this.#write(chunk));
  }

  async #write(chunk: Payload): Promise<void> {
    this.#mustBeOpen();
    const payload = toPayload(chunk);
    const bytes =
      typeof payload === "string"
        ? Buffer.from(payload)
        : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    if (this.#utf8?.push(bytes, 0, bytes.length) === false) {
      throw new TypeError("text message is not valid UTF-8");
    }
    await this.#collect(bytes);
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
    return this.#queue.writeFragment(opcode, payload, fin, false);
  }
}
