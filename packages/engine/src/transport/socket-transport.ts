/** Transport over a TCP, TLS or unix socket, or any other Duplex. */

import type { Duplex } from "node:stream";
import { readInto } from "./shared-read.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** What net.Socket has and a Duplex need not have. Tested for, never assumed: Node may hand out a proxy object. */
interface SocketExtras {
  readonly localAddress?: string;
  readonly remoteAddress?: string;
  setNoDelay?(on: boolean): unknown;
  setTimeout?(ms: number): unknown;
  setKeepAlive?(on: boolean, initialDelayMs: number): unknown;
}

// A dead peer is found by the kernel too, also while reading is paused and no ping can be answered.
const TCP_KEEP_ALIVE_MS = 60_000;

export class SocketTransport implements Transport {
  readonly socket: Duplex;
  readonly localAddress: string | undefined;
  readonly remoteAddress: string | undefined;
  readonly #events: TransportEvents;
  #unconfirmed = 0;
  #blocked = false;
  #error: Error | undefined;

  /** Reads go into it once the socket has given away what it had received before. */
  #readMemory: Buffer | undefined;

  /**
   * Listens from here on. {@link resume} starts the reading.
   *
   * @param readMemory - Where sockets may read into; not in use while nothing is being read.
   */
  constructor(socket: Duplex, events: TransportEvents, readMemory?: Buffer) {
    this.socket = socket;
    this.#events = events;
    const extras = socket as Duplex & SocketExtras; // every one of them is optional
    this.localAddress = extras.localAddress;
    this.remoteAddress = extras.remoteAddress;
    // Small frames must not wait for the ACK of the frame before them (Nagle).
    extras.setNoDelay?.(true);
    extras.setTimeout?.(0);
    extras.setKeepAlive?.(true, TCP_KEEP_ALIVE_MS);
    // The connection owns the socket: these listeners live as long as it does.
    this.#readMemory = readMemory;
    socket.on("data", (chunk: Buffer) => events.onBytes(chunk, chunk.length));
    // A peer may have sent its FIN while the handshake was decided: that event is over.
    if (socket.readableEnded) queueMicrotask(() => events.onEnd());
    else socket.on("end", () => events.onEnd());
    socket.on("error", (error: Error) => {
      this.#error = error;
      socket.destroy(); // a stream need not do that by itself
    });
    if (socket.destroyed) queueMicrotask(() => events.onClosed(undefined));
    else socket.once("close", () => events.onClosed(this.#error));
    socket.pause(); // the "data" listener has made it flow
  }

  write(pieces: readonly Uint8Array[]): boolean {
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
    this.socket.write(piece, this.#onConfirmed);
  }

  // One function for all writes: Node then batches the calls instead of queuing a tick for each.
  readonly #onConfirmed = (error?: Error | null): void => {
    if (--this.#unconfirmed > 0 || !this.#blocked) return;
    // "close" follows. Node reports no error for writes that a destroyed socket gave up.
    if (error || this.socket.destroyed) return;
    this.#blocked = false;
    this.#events.onWritten();
  };

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    const memory = this.#readMemory;
    if (memory !== undefined && this.socket.readableLength === 0) {
      this.#readMemory = undefined;
      readInto(memory, this.socket, (bytes) => this.#events.onBytes(memory, bytes));
    }
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
