/** Transport over a TCP, TLS or unix socket, or any other Duplex. */

import type { Duplex } from "node:stream";
import { writableHandle, writeToHandle } from "./direct-write.ts";
import type { WritableHandle } from "./direct-write.ts";
import { readInto } from "./shared-read.ts";
import type { HttpVersion, Transport, TransportEvents } from "./transport.ts";

/** What net.Socket has and a Duplex need not have. Tested for, never assumed: Node may hand out a proxy object. */
interface SocketExtras {
  readonly localAddress?: string;
  readonly remoteAddress?: string;
  /** Milliseconds, when one has been set. */
  readonly timeout?: number;
  setNoDelay?(on: boolean): unknown;
  setTimeout?(ms: number): unknown;
  setKeepAlive?(on: boolean, initialDelayMs: number): unknown;
}

const TRANSPORT: unique symbol = Symbol("longwire.transport");

interface TransportSocket extends Duplex {
  [TRANSPORT]: SocketTransport | undefined;
}

const TCP_KEEP_ALIVE_MS = 60_000;

export class SocketTransport implements Transport {
  readonly socket: Duplex;
  readonly remoteAddress: string | undefined;
  readonly #events: TransportEvents;
  #keepsAlive = false;
  #unconfirmed = 0;
  /** One function for all writes: Node then batches the calls instead of queuing a tick for each. */
  #onConfirmed: ((error?: Error | null) => void) | undefined;
  #blocked = false;
  #error: Error | undefined;
  readonly #handle: WritableHandle | undefined;

  /** Reads go into it once the socket has given away what it had received before. */
  #readMemory: Buffer | undefined;
  /** What is read comes here: as `data` events, or in that memory. */
  #receives = false;

  /**
   * Listens from here on; {@link resume} starts the reading.
   *
   * @param readMemory - Where sockets may read into; not in use while nothing is being read.
   */
  constructor(socket: Duplex, events: TransportEvents, readMemory?: Buffer) {
    this.socket = socket;
    this.#events = events;
    const extras = socket as Duplex & SocketExtras; // every one of them is optional
    this.remoteAddress = extras.remoteAddress;
    // Small frames must not wait for the ACK of the frame before them (Nagle).
    extras.setNoDelay?.(true);
    if (extras.timeout !== undefined) extras.setTimeout?.(0);
    this.#handle = writableHandle(socket);
    // The connection owns the socket: these listeners live as long as it does. They are the same for all sockets.
    (socket as TransportSocket)[TRANSPORT] = this;
    this.#readMemory = readMemory;
    // A peer may have sent its FIN while the handshake was decided: that event is over.
    if (socket.readableEnded) queueMicrotask(() => events.onEnd());
    else socket.on("end", onEnd);
    socket.on("error", onError);
    if (socket.destroyed) queueMicrotask(() => events.onClosed(undefined));
    else socket.on("close", onClose);
  }

  /**
   * Lets the kernel find a dead peer too. Four system calls, so not before it is needed: while reading is paused no
   * pong can be seen, and without a heartbeat none is asked for.
   */
  keepAlive(): void {
    if (this.#keepsAlive) return;
    this.#keepsAlive = true;
    (this.socket as Duplex & SocketExtras).setKeepAlive?.(true, TCP_KEEP_ALIVE_MS); // tested for
  }

  get httpVersion(): HttpVersion {
    return "1.1";
  }

  /** Known while the socket is open. */
  get localAddress(): string | undefined {
    return (this.socket as Duplex & SocketExtras).localAddress;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const handle = this.#handle;
    if (handle !== undefined && this.socket.writableLength === 0) {
      const written = writeToHandle(this.socket, handle, pieces, this.#events);
      if (written !== undefined) return written;
    }
    return this.#writeToStream(pieces);
  }

  #writeToStream(pieces: readonly Uint8Array[]): boolean {
    const { socket } = this;
    if (pieces.length === 1) this.#writePiece(pieces[0]!);
    else {
      socket.cork();
      for (const piece of pieces) this.#writePiece(piece);
      socket.uncork();
    }
    // The kernel usually takes everything at once, and then Node has nothing left. A destroyed socket has nothing left
    // either, and its "close" is yet to come: taken for written, a loop that awaits its writes would never end.
    if (socket.writableLength === 0 && !socket.destroyed) return true;
    this.#blocked = true;
    return false;
  }

  #writePiece(piece: Uint8Array): void {
    this.#unconfirmed++;
    this.socket.write(piece, (this.#onConfirmed ??= (error) => this.#confirm(error)));
  }

  #confirm(error: Error | null | undefined): void {
    if (--this.#unconfirmed > 0 || !this.#blocked) return;
    // "close" follows. Node reports no error for writes that a destroyed socket gave up.
    if (error || this.socket.destroyed) return;
    this.#blocked = false;
    this.#events.onWritten();
  }

  pause(): void {
    this.keepAlive();
    this.socket.pause();
  }

  resume(): void {
    const { socket } = this;
    const memory = this.#readMemory;
    if (memory !== undefined && socket.readableLength === 0) {
      this.#readMemory = undefined;
      if (readInto(memory, socket, onShared)) this.#receives = true;
    }
    if (!this.#receives) {
      this.#receives = true;
      socket.on("data", onData);
    }
    socket.resume();
  }

  end(): void {
    if (!this.socket.writableEnded) this.socket.end(); // a second one makes an error, and its stack costs 9 µs
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Undefined once the socket is gone. */
  static of(socket: Duplex): SocketTransport | undefined {
    return (socket as TransportSocket)[TRANSPORT]; // set before any listener
  }

  /** @internal */
  onData(chunk: Buffer, end: number): void {
    this.#events.onBytes(chunk, end);
  }

  /** @internal */
  onEnd(): void {
    this.#events.onEnd();
  }

  /** @internal */
  onError(error: Error): void {
    this.#error = error;
    this.socket.destroy(); // a stream need not do that by itself
  }

  /** @internal */
  onClose(): void {
    // Node 20 and 24 keep sockets to their next full collection, and with them what can be reached from there.
    (this.socket as TransportSocket)[TRANSPORT] = undefined;
    this.#events.onClosed(this.#error);
  }
}

function onData(this: Duplex, chunk: Buffer): void {
  SocketTransport.of(this)?.onData(chunk, chunk.length);
}

function onShared(this: Duplex, bytes: number, buffer: Buffer): boolean {
  SocketTransport.of(this)?.onData(buffer, bytes);
  return true;
}

function onEnd(this: Duplex): void {
  SocketTransport.of(this)?.onEnd();
}

function onError(this: Duplex, error: Error): void {
  SocketTransport.of(this)?.onError(error);
}

function onClose(this: Duplex): void {
  SocketTransport.of(this)?.onClose();
}
