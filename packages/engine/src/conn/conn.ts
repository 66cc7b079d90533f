/** Conn: one WebSocket connection, as handlers see it. */
// oxlint-disable max-lines -- the public face: one short method for each thing a handler can do, mostly contract

import type { Duplex } from "node:stream";
import { CloseCode } from "../close-code.ts";
import { DeadlineError } from "../errors.ts";
import type { CloseInfo } from "../errors.ts";
import type { MessageDeflate } from "../extensions/message-deflate.ts";
import { parseClosePayload } from "../framing/close-payload.ts";
import type { Role } from "../framing/frame.ts";
import type { MessageChecks } from "../messages/contract.ts";
import { MessageType } from "../messages/message.ts";
import type { DataType, Message } from "../messages/message.ts";
import type { PreparedMessage } from "../messages/prepared-message.ts";
import type { HttpVersion, Transport, TransportEvents } from "../transport/transport.ts";
import { ConnCore } from "./conn-core.ts";
import type { ControlHandlers } from "./control-handlers.ts";
import type { ForEachOptions } from "./each-reader.ts";
import { iterateJSON, serializeJSON } from "./json.ts";
import type { InvalidMessageError } from "./json.ts";
import type { HoldOptions } from "./lifetime.ts";
import { checkPositive, milliseconds } from "./limits.ts";
import type { ConnLimits } from "./limits.ts";
import { MessageIterator } from "./message-iterator.ts";
import type { MessageReader } from "./message-reader.ts";
import { MessageWriter } from "./message-writer.ts";
import { checkMessage, toControlPayload, toPayload } from "./payload.ts";
import type { Payload } from "./payload.ts";
import { handled, rejected } from "./wait.ts";
import type { WaitOptions } from "./wait.ts";
import { WriteBuffer } from "./write-buffer.ts";

/** What a user keeps with each connection: add fields by declaration merging. */
export interface ConnData {}

/** The net.Socket, or whatever carries the connection; reading or writing it corrupts the stream. */
export type NetConn = Duplex;

export type { HttpVersion } from "../transport/transport.ts";

export interface ConnInit<In> {
  readonly role: Role;
  readonly limits: ConnLimits;
  readonly subprotocol: string;
  readonly extensions: string;
  readonly remoteAddress: string | undefined;
  readonly netConn: NetConn;
  readonly checks: MessageChecks<In>;
  readonly deflate: MessageDeflate | undefined;
  readonly connect: (socket: Duplex, events: TransportEvents) => Transport;
}

let insideOf: (conn: Conn) => ConnCore<unknown>;
let connections = 0;

export class Conn<In = unknown, Out = unknown>
  implements AsyncIterable<Message<In>>, AsyncDisposable
{
  readonly #core: ConnCore<In>;
  readonly #checks: MessageChecks<In>;
  readonly #subprotocol: string;
  readonly #extensions: string;
  readonly #remoteAddress: string | undefined;
  #id: string | undefined;
  #data: ConnData | undefined;

  static {
    insideOf = (conn) => conn.#core;
  }

  /** @internal Made by Upgrader and Dialer. */
  constructor(init: ConnInit<In>) {
    // What it was made of is not kept: it would take 100 bytes of each connection.
    this.#core = new ConnCore<In>(init);
    this.#checks = init.checks;
    this.#subprotocol = init.subprotocol;
    this.#extensions = init.extensions;
    this.#remoteAddress = init.remoteAddress;
  }

  // ---- reading ----

  /**
   * Reads the next message. One reader at a time: a second concurrent read is a TypeError.
   *
   * @param options - `timeout` in ms and `signal` are soft: the connection stays usable.
   * @throws CloseError when the connection has ended; ProtocolError when the peer broke a rule; DeadlineError
   * `WS_TIMEOUT` (soft) or `WS_READ_DEADLINE` (sticky).
   */
  readMessage(options?: WaitOptions): Promise<Message<In>> {
    return this.#core.reading.read(options);
  }

  /**
   * Reads the next message in pieces, which arrive before it is complete. What is left of it is discarded by the next
   * read of any kind. Memory is bounded by `readQueueBytes` however long the message; `readLimit` still holds.
   *
   * @throws As {@link readMessage}.
   */
  nextReader(options?: WaitOptions): Promise<MessageReader> {
    return this.#core.reading.nextReader(options);
  }

  /**
   * Reads the next message, text or binary, as one JSON value, checked when the route has a schema.
   * The connection stays usable after a message that is not JSON.
   *
   * @throws WebSocketError `WS_JSON_INVALID`; ValidationError `WS_VALIDATION`; else as {@link readMessage}.
   */
  readJSON(options?: WaitOptions): Promise<In> {
    return handled(this.readMessage(options).then((message) => message.json()));
  }

  /** Iterates over messages. Ends quietly on 1000, 1001, no code and any close of ours; else throws CloseError. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message<In>, undefined> {
    return new MessageIterator(this.#core.reading);
  }

  /**
   * Iterates over messages as JSON values, checked when the route has a schema. A message that is not JSON or does not
   * fit goes to `onInvalid`, which may throw to end the iteration; without it the connection is closed with 1007.
   */
  json(options: JSONOptions<In, Out> = {}): AsyncIterableIterator<In, undefined> {
    return iterateJSON(this, options.onInvalid);
  }

  /**
   * Calls back for each message, synchronously while the bytes are parsed: the fastest way to read. When the callback
   * returns a promise, the next message waits for it. Resolves and rejects as iteration ends; who has no use for that may
   * leave the promise alone.
   * An error of the callback closes the connection with 1011 and reaches the route's error channel.
   *
   * @throws TypeError for a callback or an option of another kind, or when somebody reads already.
   */
  forEach(
    callback: (message: Message<In>) => void | Promise<void>,
    options?: ForEachOptions,
  ): Promise<void> {
    return this.#core.reading.forEach(callback, options);
  }

  /** Reads and drops messages until the connection ends. */
  async discard(): Promise<CloseInfo> {
    await this.forEach(() => {}).catch(() => {});
    return this.closed;
  }

  // ---- writing ----

  /**
   * Writes a message. Any number of writers may write at once: each message goes out whole, in call order.
   * Resolves when more is welcome, so awaiting it is backpressure. Bytes above 16 KiB are not copied: leave them alone
   * until this resolves.
   *
   * @throws WebSocketError `WS_CLOSE_SENT`, `WS_CLOSED`, `WS_BUFFER_LIMIT`; DeadlineError; TypeError for another type or payload.
   */
  writeMessage(type: DataType, data: Payload, options?: WriteOptions): Promise<void> {
    let payload: string | Uint8Array;
    try {
      payload = toPayload(data);
      checkMessage(type, payload);
    } catch (error) {
      return rejected(error);
    }
    return this.#core.writing.write(type, payload, options);
  }

  /**
   * Writes `value` as a text message of JSON, checked when the route has a schema.
   *
   * @throws ValidationError `WS_VALIDATION`, or TypeError for a value that JSON can't express: nothing is sent then, and
   * the route's error channel gets it too. Else as {@link writeMessage}.
   */
  writeJSON(value: Out, options?: WriteOptions): Promise<void> {
    let text: string;
    try {
      text = serializeJSON(value, this.#checks.outgoing);
    } catch (error) {
      this.#core.report(error); // also when nobody awaits this
      return rejected(error);
    }
    return this.#core.writing.write(MessageType.text, text, options);
  }

  /**
   * Sends a message and forgets it: a string as text, anything else as binary.
   *
   * @returns true when more is welcome; false when the message is queued above the water mark, or dropped since the
   * connection is closed. Never throws for a closed peer.
   * @throws TypeError for another kind of payload.
   */
  send(data: Payload): boolean {
    const payload = toPayload(data);
    return this.#core.writing.send(
      typeof payload === "string" ? MessageType.text : MessageType.binary,
      payload,
    );
  }

  /**
   * Opens a message that is written in pieces. Other messages wait until it is closed; control frames pass.
   *
   * @throws As {@link writeMessage}.
   */
  nextWriter(type: DataType, options?: WaitOptions): Promise<MessageWriter> {
    const { writing } = this.#core;
    try {
      checkMessage(type, "");
    } catch (error) {
      return rejected(error);
    }
    const { writeBufferSize, writeBufferPool, closeTimeout } = this.#core.limits;
    const onUnfinished = (): void =>
      this.#core.close(CloseCode.internalError, "message not completed", closeTimeout);
    const opened = writing.beginFragments(options);
    const open = (): MessageWriter => {
      const buffer = new WriteBuffer(writeBufferSize, writeBufferPool);
      const { deflate } = this.#core;
      return new MessageWriter(type, { queue: writing, buffer, deflate, onUnfinished });
    };
    return handled(opened.then(open));
  }

  /**
   * Writes a message that has been serialized once for many connections.
   *
   * @throws As {@link writeMessage}.
   */
  writePreparedMessage(message: PreparedMessage): Promise<void> {
    const { type, payload } = message;
    if (type === MessageType.close) {
      const { code, reason } = message.closePayload;
      return this.#writeClose(code, reason);
    }
    if (type === MessageType.ping || type === MessageType.pong)
      return this.#core.writing.control(type, payload);
    return this.#core.writing.writePrepared(message);
  }

  /** Bytes of frames that the kernel has not taken yet. */
  get bufferedAmount(): number {
    return this.#core.writing.bufferedAmount;
  }

  /** Resolves when {@link bufferedAmount} is below the write water mark. */
  drained(options?: WaitOptions): Promise<void> {
    return this.#core.writing.drained(options);
  }

  // ---- control and closing ----

  /**
   * Sends a control frame, which passes messages that wait. A close frame goes behind them, and reading goes on until
   * the peer has answered it, up to `closeTimeout`.
   *
   * @param data - At most 125 bytes; of a close frame as {@link formatCloseMessage} makes them.
   * @param options - `deadline`: a Date or ms since the epoch. When it passes before the frame is on its way, the frame
   * is withdrawn; the connection stays usable.
   * @throws TypeError for another type; RangeError above 125 bytes; ProtocolError for a close payload that must not be
   * sent; DeadlineError `WS_WRITE_DEADLINE`; WebSocketError `WS_CLOSE_SENT`.
   */
  writeControl(
    type: ControlType,
    data: Payload = "",
    options?: { readonly deadline?: Date | number | undefined },
  ): Promise<void> {
    try {
      const payload = toControlPayload(data);
      if (type === MessageType.close) {
        const { code, reason } = parseClosePayload(Buffer.from(payload));
        return this.#writeClose(code, reason);
      }
      if (type !== MessageType.ping && type !== MessageType.pong) {
        throw new TypeError(
          `control type must be 8 (close), 9 (ping) or 10 (pong), got ${String(type)}`,
        );
      }
      const { deadline } = options ?? {};
      if (deadline === undefined) return this.#core.writing.control(type, payload);
      const timeout = Number(deadline) - Date.now();
      if (timeout <= 0)
        throw new DeadlineError(
          "WS_WRITE_DEADLINE",
          "the deadline of the control frame has passed",
        );
      return handled(withDeadline(this.#core.writing.control(type, payload, { timeout })));
    } catch (error) {
      return rejected(error);
    }
  }

  #writeClose(code: number, reason: string): Promise<void> {
    const { failure } = this.#core.writing;
    if (failure !== undefined) return rejected(failure);
    this.#core.writeClose(code, reason);
    return Promise.resolve();
  }

  /** The handler of received pings; by default it answers with a pong. */
  get pingHandler(): PingHandler {
    return this.#core.handlers?.ping ?? ((payload) => this.#core.writing.pong(payload));
  }

  /**
   * Replaces the answer to pings; `null` restores it. What the handler throws, or its promise rejects with, becomes
   * the error of reading, and the connection closes with 1011.
   */
  setPingHandler(handler: PingHandler | null): void {
    this.#setHandler("ping", handler);
  }

  /** The handler of received pongs; by default it does nothing. Pings resolve in any case. */
  get pongHandler(): PingHandler {
    return this.#core.handlers?.pong ?? (() => {});
  }

  /** Sets the handler of pongs; `null` restores the default. Errors as with {@link setPingHandler}. */
  setPongHandler(handler: PingHandler | null): void {
    this.#setHandler("pong", handler);
  }

  /** The handler of a received close frame; by default it answers with the same code. */
  get closeHandler(): CloseHandler {
    return this.#core.handlers?.close ?? ((code) => void this.#writeClose(code, ""));
  }

  /**
   * Replaces the answer to a close frame; `null` restores it. The engine then sends none by itself: the handler does,
   * with `writeControl`, or the socket is destroyed after `closeTimeout`.
   */
  setCloseHandler(handler: CloseHandler | null): void {
    this.#setHandler("close", handler);
  }

  #setHandler<K extends keyof ControlHandlers>(kind: K, handler: ControlHandlers[K] | null): void {
    if (handler !== null && typeof handler !== "function") {
      throw new TypeError(`${kind} handler must be a function or null, got ${typeof handler}`);
    }
    this.#core.handlers ??= { ping: undefined, pong: undefined, close: undefined };
    this.#core.handlers[kind] = handler ?? undefined;
  }

  /** Milliseconds that the newest ping and its pong took, those of the heartbeat included. */
  get roundTripTime(): number | undefined {
    return this.#core.liveness.roundTripTime;
  }

  /**
   * Sends a ping and resolves with the round trip in milliseconds.
   *
   * @param data - At most 125 bytes. @default a number that no other ping of this connection has
   * @param options - @default timeout: that of the heartbeat
   * @throws DeadlineError `WS_TIMEOUT`; RangeError for a longer payload; else as {@link writeMessage}.
   */
  ping(data?: Payload, options?: WaitOptions): Promise<number> {
    try {
      const payload = data === undefined ? undefined : toControlPayload(data);
      const timeout = options?.timeout ?? this.#core.limits.heartbeatTimeout;
      return this.#core.liveness.ping(payload, { timeout, signal: options?.signal });
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Closes: the closing handshake, then TCP (RFC 6455 §7.1.2). Messages written before go out first; messages of the
   * peer that have not been read are dropped. A second call changes nothing.
   *
   * @param code - 1000-1003, 1007-1014 or 3000-4999; 1005 sends none. @default 1000
   * @param reason - At most 123 bytes of UTF-8.
   * @param options - `timeout` in ms for the whole. @default closeTimeout
   * @returns How it ended, once the socket is gone: 1006 when the peer did not answer in time.
   * @throws RangeError for a code or reason that can't be sent, or a timeout that is no time.
   */
  close(
    code = 1000,
    reason = "",
    options?: { readonly timeout?: number | undefined },
  ): Promise<CloseInfo> {
    try {
      const timeout = milliseconds("timeout", options?.timeout, this.#core.limits.closeTimeout);
      this.#core.close(code, reason, timeout);
    } catch (error) {
      return rejected(error);
    }
    return this.closed;
  }

  /** Destroys the socket at once, without a closing handshake: gorilla's `Close`. */
  terminate(): void {
    this.#core.terminate();
  }

  /** Resolves when the socket is gone, with how it ended. Never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#core.ending.closed;
  }

  /** Aborted when the connection ends; its reason is the error that reads get. */
  get signal(): AbortSignal {
    return this.#core.ending.signal;
  }

  /** Keeps the connection open past its handler and, within its time limit, through a drain, until disposed of. */
  hold(options?: HoldOptions): Disposable {
    return this.#core.lifetime.hold(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- deadlines, limits, handlers ----

  /**
   * Sets the time after which reads fail for good, as gorilla does; messages that wait are still given.
   *
   * @param at - A Date or ms since the epoch; `null` clears it.
   */
  setReadDeadline(at: Date | number | null): void {
    this.#core.reading.setDeadline(at);
  }

  /** Sets the time after which waiting writes fail for good; the connection ends then. */
  setWriteDeadline(at: Date | number | null): void {
    this.#core.writing.setDeadline(at);
  }

  /** Sets the longest message accepted, in bytes after inflating; counts from the next frame on. */
  setReadLimit(bytes: number): void {
    this.#core.setReadLimit(checkPositive("readLimit", bytes));
  }

  /** Switches the compression of messages on or off, from the next one on; nothing happens where none was negotiated. */
  enableWriteCompression(on: boolean): void {
    const { deflate } = this.#core;
    if (deflate !== undefined) deflate.enabled = on;
  }

  /**
   * Sets the effort of compression from the next message on.
   *
   * @param level - -2 Huffman only, -1 zlib's default, 0 stored, 1 fastest to 9 smallest.
   * @throws RangeError for another level, also where no compression was negotiated.
   */
  setCompressionLevel(level: number): void {
    if (!Number.isInteger(level) || level < -2 || level > 9) {
      throw new RangeError(`compression level must be an integer from -2 to 9, got ${level}`);
    }
    const { deflate } = this.#core;
    if (deflate !== undefined) deflate.level = level;
  }

  // ---- what it is ----

  /** Unique in this process. */
  get id(): string {
    return (this.#id ??= `${process.pid.toString(36)}-${(++connections).toString(36)}`);
  }

  /** The user's own data, empty at first. */
  get data(): ConnData {
    return (this.#data ??= {});
  }

  /** The negotiated subprotocol, "" without one. */
  get subprotocol(): string {
    return this.#subprotocol;
  }

  /** The negotiated extensions as in the response header, "" without any. */
  get extensions(): string {
    return this.#extensions;
  }

  /** HTTP version of the opening handshake: over "2.0" the connection is a stream among others (RFC 8441). */
  get httpVersion(): HttpVersion {
    return this.#core.transport.httpVersion;
  }

  /** This side's address while the socket is open. */
  get localAddress(): string | undefined {
    return this.#core.transport.localAddress;
  }

  /** The peer's address, as the framework sees it behind its trusted proxies. */
  get remoteAddress(): string | undefined {
    return this.#remoteAddress ?? this.#core.transport.remoteAddress;
  }

  get netConn(): NetConn {
    return this.#core.transport.socket;
  }

  /** 1 open, 2 closing, 3 closed: WHATWG's numbers. */
  get readyState(): 1 | 2 | 3 {
    return this.#core.readyState;
  }
}

export interface JSONOptions<In, Out> {
  /** Gets what is wrong with a message, which is skipped once this has returned and its promise settled. @default closes with 1007 */
  readonly onInvalid?:
    | ((error: InvalidMessageError, conn: Conn<In, Out>) => void | Promise<void>)
    | undefined;
}

/** Type of a control frame. */
export type ControlType =
  | typeof MessageType.close
  | typeof MessageType.ping
  | typeof MessageType.pong;
/** Gets the payload of a ping or pong, valid during the call. */
export type PingHandler = (payload: Buffer) => unknown;
/** Gets code (1005: none) and reason of a close frame. */
export type CloseHandler = (code: number, reason: string) => unknown;

/** Options of one write. */
export interface WriteOptions {
  /** `false` sends this message plain where compression has been negotiated. @default true */
  readonly compress?: boolean | undefined;
  /** Withdraws the message when it has not started, and ends the wait in any case. */
  readonly signal?: AbortSignal | undefined;
}

/** @internal */
export function connInside(conn: Conn<never, never> | Conn): ConnCore<unknown> {
  return insideOf(conn); // the inner side does not look at messages
}

/** Turns the soft timeout of a wait into a passed deadline. */
async function withDeadline(wait: Promise<void>): Promise<void> {
  try {
    await wait;
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    throw new DeadlineError("WS_WRITE_DEADLINE", "the deadline of the control frame has passed", {
      cause: error,
    });
  }
}
