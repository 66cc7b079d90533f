/** ClientConn: JSON messages over a WebSocket of the platform, read by iteration. */

import type { StandardSchema } from "@longwire/engine";
import { CloseError, InvalidMessageError } from "./errors.ts";
import type { CloseInfo } from "./errors.ts";
import { parseMessage } from "./parse-message.ts";
import type { WebSocketLike } from "./web-socket.ts";

const WATER_MARK_BYTES = 65_536;
/** What an unread message costs beside its payload. */
const MESSAGE_OVERHEAD_BYTES = 64;
const POLL_MS = 20;
// 1007 and 1008 of a side that may send 1000 and 3000-4999 only: browsers refuse all others.
const INVALID_MESSAGE = 4007;
const TOO_MUCH_UNREAD = 4008;

type Data = string | ArrayBuffer;

interface OpenSocket {
  readonly socket: WebSocketLike;
  readonly url: string;
  readonly schema: StandardSchema | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onInvalid: ((error: InvalidMessageError) => void | Promise<void>) | undefined;
  readonly maxUnreadBytes: number;
}

export class ClientConn<In = unknown, Out = unknown> implements AsyncIterable<In> {
  /** The WebSocket underneath, for what is not here. */
  readonly socket: WebSocketLike;
  /** Resolves when messages can travel; rejects when that never comes to be. Nothing needs to wait for it. */
  readonly opened: Promise<void>;
  /** Resolves when the connection is gone, with how it ended. Never rejects. */
  readonly closed: Promise<CloseInfo>;

  readonly #init: OpenSocket;
  #unread: Data[] = [];
  #unreadBytes = 0;
  /** What was sent before the connection opened. */
  #unsent: string[] = [];
  #unsentLength = 0;
  #closeWhenSent: (() => void) | undefined;
  #hasOpened = false;
  #reading = false;
  #wake: (() => void) | undefined;
  /** Why nothing more will be read; an iteration ends without an error when `quiet`. */
  #end: { readonly error: unknown; readonly quiet: boolean } | undefined;
  #closedHere = false;
  #rejectOpened: ((error: unknown) => void) | undefined;

  /** @internal Made by `connect`, before the socket can have received anything. */
  constructor(init: OpenSocket) {
    const { socket, signal } = init;
    this.#init = init;
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    this.opened = new Promise((resolve, reject) => {
      this.#rejectOpened = reject;
      socket.addEventListener("open", () => {
        this.#hasOpened = true;
        for (const text of this.#unsent.splice(0)) socket.send(text);
        this.#unsentLength = 0;
        this.#closeWhenSent?.();
        resolve();
      });
    });
    this.opened.catch(() => {}); // who awaits it sees the rejection
    socket.addEventListener("message", ({ data }) => this.#receive(data as Data)); // by binaryType
    const onAbort = (): void => {
      this.#abandon(signal?.reason, false);
      socket.close();
    };
    signal?.addEventListener("abort", onAbort);
    this.closed = new Promise((resolve) => {
      let cause: unknown;
      const onEnd = ({ code = 1006, reason = "", wasClean = false }: Partial<CloseInfo>): void => {
        signal?.removeEventListener("abort", onAbort);
        const end = { code, reason, wasClean };
        // "normal", "going away" and no code at all
        this.#finish(this.#closeError(end, cause), code < 1002 || code === 1005);
        resolve(end);
      };
      socket.addEventListener("error", ({ error }) => {
        cause = error;
        if (!this.#hasOpened) onEnd({}); // Node 22 fires no close there; all others do, with the same 1006
      });
      socket.addEventListener("close", onEnd);
    });
  }

  /**
   * Sends a value as a text message of JSON; before the connection has opened it waits, in order.
   *
   * @returns true when more is welcome; false when 64 KiB or more wait to be sent, or the connection is closed and the
   * value was dropped.
   * @throws TypeError for a value that JSON can't express.
   */
  send(value: Out): boolean {
    const text = JSON.stringify(value) as string | undefined; // typed as if undefined had a JSON form
    if (text === undefined)
      throw new TypeError(`JSON can't express a value of type ${typeof value}`);
    const { socket } = this;
    if (this.#end !== undefined || socket.readyState > 1) return false;
    if (socket.readyState === 1) socket.send(text);
    else {
      this.#unsent.push(text);
      this.#unsentLength += text.length;
    }
    return this.bufferedAmount < WATER_MARK_BYTES;
  }

  /** Bytes that have not been handed to the network yet. */
  get bufferedAmount(): number {
    return this.#unsentLength + this.socket.bufferedAmount;
  }

  /** Resolves when {@link send} would return true, or the connection has ended. No event tells: it asks every 20 ms. */
  async drained(): Promise<void> {
    while (this.#end === undefined && this.bufferedAmount >= WATER_MARK_BYTES) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /**
   * Reads the next message. One reader at a time: a second concurrent read is a TypeError.
   *
   * @throws InvalidMessageError, and the connection stays usable; CloseError when it has ended; the signal's reason.
   */
  async read(): Promise<In> {
    if (this.#reading) {
      throw new TypeError("another read waits on this connection: one reader at a time");
    }
    this.#reading = true;
    try {
      let data: Data | undefined;
      while ((data = this.#unread.shift()) === undefined) {
        if (this.#end !== undefined) throw this.#end.error;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      this.#unreadBytes -= costOf(data);
      // In is what the schema gives, or what the contract says of a server that is trusted.
      return (await parseMessage(data, this.#init.schema)) as In;
    } finally {
      this.#reading = false;
    }
  }

  /**
   * Iterates over messages, the first ones included however late it starts. Ends quietly on 1000, 1001, no code and
   * {@link close}; any other end throws CloseError. `break` loses nothing and leaves the connection open.
   * A message that is not JSON or does not fit goes to `onInvalid`; without that it is thrown, and the connection is
   * closed with 4007.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<In, undefined, undefined> {
    for (;;) {
      let value: In;
      try {
        value = await this.read();
      } catch (error) {
        if (error instanceof InvalidMessageError) {
          const { onInvalid } = this.#init;
          if (onInvalid !== undefined) {
            await onInvalid(error);
            continue;
          }
          void this.close(INVALID_MESSAGE, error.code);
        } else if (this.#end?.quiet === true && this.#end.error === error) return undefined;
        throw error;
      }
      yield value;
    }
  }

  /**
   * Closes the connection; what was sent before goes out first, what has not been read is dropped. A second call
   * changes nothing.
   *
   * @param code - 1000 or 3000-4999: browsers send no other. @default 1000
   * @param reason - At most 123 bytes of UTF-8.
   * @returns How it ended.
   * @throws RangeError for another code or a longer reason.
   */
  close(code = 1000, reason = ""): Promise<CloseInfo> {
    if (code !== 1000 && !(code >= 3000 && code < 5000)) {
      throw new RangeError(`close code must be 1000 or 3000-4999, got ${code}`);
    }
    if (new TextEncoder().encode(reason).length > 123) {
      throw new RangeError("close reason must be at most 123 bytes");
    }
    if (this.#closedHere) return this.closed;
    this.#abandon(this.#closeError({ code, reason, wasClean: false }), true);
    const close = (): void => this.socket.close(code, reason);
    if (this.#unsent.length > 0) this.#closeWhenSent = close;
    else close();
    return this.closed;
  }

  /** {@link close} was called, or the signal aborted: the end was wanted here. */
  get closedHere(): boolean {
    return this.#closedHere;
  }

  /** The subprotocol that the server chose, "" before that and without one. */
  get subprotocol(): string {
    return this.socket.protocol;
  }

  // Where the symbol does not exist yet, this is a method that nobody calls.
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #receive(data: Data): void {
    if (this.#end !== undefined) return;
    this.#unread.push(data);
    this.#unreadBytes += costOf(data);
    if (this.#unreadBytes > this.#init.maxUnreadBytes) {
      // Nothing can hold a browser's WebSocket back, so the alternative is a page without memory.
      const end = { code: TOO_MUCH_UNREAD, reason: "too much unread", wasClean: false };
      this.#finish(this.#closeError(end), false);
      this.#closedHere = true;
      this.socket.close(end.code, end.reason);
    }
    this.#wake?.();
  }

  #closeError(end: CloseInfo, cause?: unknown): CloseError {
    const { url } = this.#init;
    const { code, reason } = end;
    const message = this.#hasOpened
      ? `${url} closed with ${code}${reason === "" ? "" : `: ${reason}`}`
      : `${url} did not open: refused, unreachable or not trusted (a browser tells its console which)`;
    return new CloseError(message, end, cause === undefined ? {} : { cause });
  }

  /** The end was wanted here: what has not been read is dropped. */
  #abandon(error: unknown, quiet: boolean): void {
    this.#closedHere = true;
    this.#unread = [];
    this.#finish(error, quiet);
  }

  #finish(error: unknown, quiet: boolean): void {
    this.#end ??= { error, quiet };
    this.#rejectOpened?.(error);
    this.#wake?.();
  }
}

function costOf(data: Data): number {
  return MESSAGE_OVERHEAD_BYTES + (typeof data === "string" ? data.length : data.byteLength);
}
