/** A Conn with the face of the WHATWG standard's WebSocket, for libraries that want events. */

import { CloseError } from "../errors.ts";
import type { CloseInfo } from "../errors.ts";
import { MessageType } from "../messages/message.ts";
import type { Message } from "../messages/message.ts";
import { connInside } from "./conn.ts";
import type { Conn } from "./conn.ts";
import { ListenedTarget } from "./listened-target.ts";
import { copyToWait, goesByReference, payloadBytes, toPayload } from "./payload.ts";
import type { Payload } from "./payload.ts";
import { closeEvent, errorEvent, messageEvent } from "./websocket-events.ts";

const MAX_REASON_BYTES = 123;
const NO_STATUS = 1005;

const facades = new WeakMap<Conn, ConnWebSocket>();

/**
 * Gives a connection the face of a browser's WebSocket; the same one for the same connection. It is open already;
 * `open` fires nonetheless, once, for those who listen.
 *
 * Messages begin when somebody listens for `message`; until then they wait, and backpressure holds. From then on
 * events are as in a browser: each a task of its own, behind the microtasks of the one before, and without
 * backpressure. Nobody else can read the connection then. It stays open past its handler until it is closed. An error
 * that a listener throws, or its promise rejects with, closes with 1011 and reaches the route's error channel.
 */
export function asWebSocket(conn: Conn): ConnWebSocket {
  let facade = facades.get(conn);
  if (facade === undefined) {
    facade = new ConnWebSocket(conn);
    facades.set(conn, facade);
  }
  return facade;
}

export class ConnWebSocket extends ListenedTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;

  /** A Conn does not keep its URL. */
  readonly url: string = "";
  readonly #conn: Conn;
  #binaryType: "blob" | "arraybuffer" = "blob";
  /** What anybody ever listened for. */
  readonly #wanted = new Set<string>();
  /** The newest task in which events other than messages fire, and whether it is still to come. */
  #task: Promise<void> | undefined;
  #planned = false;
  #openFired = false;
  #reading = false;
  /** All messages have been given. */
  #drained = false;
  #end: CloseInfo | undefined;
  #closeFired = false;
  /** `close()` was called. */
  #closing = false;
  /** Payloads behind a Blob that is being read. */
  #outbox: Promise<void> | undefined;
  #outboxBytes = 0;
  /** Bytes sent when it was too late: they count, and never go out. */
  #lostBytes = 0;

  /** @internal Made by {@link asWebSocket}. */
  constructor(conn: Conn) {
    super();
    this.#conn = conn;
    const hold = conn.hold({ drain: false });
    void conn.closed.then((end) => {
      hold[Symbol.dispose]();
      this.#end = end;
      this.#plan();
    });
  }

  // ---- state ----

  /** 1 open, 2 closing, 3 closed; never 0. */
  get readyState(): 1 | 2 | 3 {
    if (this.#closeFired || (this.#end !== undefined && !this.#reading)) return 3;
    return this.#closing || this.#conn.readyState > 1 ? 2 : 1;
  }

  get protocol(): string {
    return this.#conn.subprotocol;
  }

  get extensions(): string {
    return this.#conn.extensions;
  }

  /** Bytes that wait to be sent, frame headers included, and those that were sent too late. */
  get bufferedAmount(): number {
    return this.#conn.bufferedAmount + this.#outboxBytes + this.#lostBytes;
  }

  /** What binary messages arrive as. Other values are ignored. @default "blob" */
  get binaryType(): "blob" | "arraybuffer" {
    return this.#binaryType;
  }

  set binaryType(type: "blob" | "arraybuffer") {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  // ---- sending and closing ----

  /** Sends a string as text, bytes as binary, anything else as the string that it makes. Bytes may be used again at once. */
  send(data: Payload | Blob): void {
    const payload = toSendable(data);
    const size = payload instanceof Blob ? payload.size : payloadBytes(payload);
    if (this.readyState !== this.OPEN) this.#lostBytes += size;
    else if (payload instanceof Blob) this.#enqueue(payload, size);
    else if (this.#outbox !== undefined) this.#enqueue(copyToWait(payload), size);
    else this.#conn.send(payload);
  }

  /**
   * Starts the closing handshake; without a code the close frame has none.
   *
   * @throws DOMException InvalidAccessError for a code that is neither 1000 nor 3000-4999; SyntaxError for a reason of
   * more than 123 bytes.
   */
  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      const message = `close code must be 1000 or 3000-4999, got ${code}`;
      throw new DOMException(message, "InvalidAccessError");
    }
    if (reason !== undefined && Buffer.byteLength(reason) > MAX_REASON_BYTES) {
      throw new DOMException("close reason must be at most 123 bytes", "SyntaxError");
    }
    if (this.#closing) return;
    this.#closing = true;
    const close = (): void => {
      void this.#conn.close(code ?? (reason === undefined ? NO_STATUS : 1000), reason);
    };
    if (this.#outbox === undefined) close();
    else void this.#outbox.then(close);
  }

  /** A Blob gives its bytes later; what follows it waits, so that the order stays. */
  #enqueue(payload: string | Uint8Array | Blob, size: number): void {
    this.#outboxBytes += size;
    const send = async (): Promise<void> => {
      try {
        const isBlob = payload instanceof Blob;
        this.#conn.send(isBlob ? await payload.arrayBuffer() : payload);
      } catch (error) {
        this.onListenerError(error); // a file behind a Blob can be gone
      }
      this.#outboxBytes -= size;
      if (this.#outbox === sent) this.#outbox = undefined;
    };
    const sent = (this.#outbox ?? Promise.resolve()).then(send);
    this.#outbox = sent;
  }

  // ---- events ----

  protected override onListener(type: string): void {
    this.#wanted.add(type);
    this.#plan();
    if (type === "message") this.#read(); // behind the plan: it waits for that
  }

  /** As with an error of `forEach`. */
  protected override onListenerError(error: unknown): void {
    connInside(this.#conn).onCallbackError(error);
  }

  #read(): void {
    if (this.#reading || this.#closeFired) return;
    this.#reading = true;
    const onEnd = (): void => {
      this.#drained = true;
      this.#plan();
    };
    this.#conn
      .forEach((message) => this.#give(message))
      .then(onEnd, (error: unknown) => {
        if (error instanceof TypeError) this.onListenerError(error); // somebody else reads
        onEnd();
      });
  }

  /** The promise holds the next message back until every reaction to this one has run, as a browser's tasks do. */
  async #give(message: Message): Promise<void> {
    await this.#task;
    if (this.#closing) return;
    this.dispatchEvent(messageEvent(this.#dataOf(message)));
    await microtasks();
  }

  #dataOf(message: Message): string | ArrayBuffer | Blob {
    if (message.type === MessageType.text) return message.text();
    const data = message.data as Buffer<ArrayBuffer>; // the engine's memory is never shared
    if (this.#binaryType === "blob") return new Blob([data]);
    const whole = data.buffer.byteLength === data.byteLength;
    return whole ? data.buffer : new Uint8Array(data).buffer;
  }

  /** Fires what is due in a task of its own, so that whoever listens now can add all listeners first. */
  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    const before = this.#task;
    this.#task = new Promise<void>((resolve) => {
      setImmediate(resolve);
    }).then(async () => {
      await before;
      this.#planned = false;
      await this.#fireDue();
    });
  }

  async #fireDue(): Promise<void> {
    if (this.#wanted.has("open") && !this.#openFired && !this.#closing && !this.#closeFired) {
      this.#openFired = true;
      this.dispatchEvent(new Event("open"));
      await microtasks();
    }
    const end = this.#end;
    if (end === undefined || this.#closeFired || this.#wanted.size === 0) return;
    if (this.#reading && !this.#drained) return;
    if (!this.#reading && !this.#wanted.has("close")) return;
    this.#closeFired = true;
    const error = connInside(this.#conn).endError;
    const failed = !(error instanceof CloseError) || error.cause !== undefined;
    if (failed) {
      this.dispatchEvent(errorEvent(error));
      await microtasks();
    }
    this.dispatchEvent(closeEvent(end));
  }
}

/** Text, bytes that the caller may use again, or a Blob. JavaScript gives other things, too. */
function toSendable(data: unknown): string | Uint8Array | Blob {
  if (data instanceof Blob) return data;
  if (!isBytes(data)) return String(data);
  const bytes = toPayload(data);
  // The engine copies short payloads by itself.
  return goesByReference(bytes) ? new Uint8Array(bytes) : bytes;
}

function isBytes(data: unknown): data is Exclude<Payload, string> {
  return (
    ArrayBuffer.isView(data) || data instanceof ArrayBuffer || data instanceof SharedArrayBuffer
  );
}

/** Resolves when all microtasks have run, those that they queue included: ticks come behind them. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    queueMicrotask(() => process.nextTick(resolve));
  });
}
