/** The way of frames from the output to the transport: when they are written, and that one write is under way at a time. */

import type { Endpoint } from "../endpoint/endpoint.ts";
import type { Transport } from "../transport/transport.ts";

/** What the outlet asks and tells the writing half. */
export interface OutletOwner {
  /** Received input that has not been handled is there: more frames are likely, so a write may wait for them. */
  readonly inputLeft: boolean;
  /** Some of it is being parsed: {@link Outlet.onInputDone} follows in this very call. */
  readonly isParsing: boolean;
  /** A write is about to be made: what waits may join it. */
  fillOutput(): void;
  /** `bytes` have been handed to the transport; `written`: the kernel has taken them. */
  onHandedOn(bytes: number, written: boolean): void;
  /** Nothing more can be written at the moment. */
  onFlushed(): void;
}

export class Outlet {
  readonly #endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #owner: OutletOwner;
  #inFlightBytes = 0;
  #flushQueued = false;
  /** The first frame since the last input or tick has gone. */
  #hasWritten = false;

  constructor(endpoint: Endpoint, transport: Transport, owner: OutletOwner) {
    this.#endpoint = endpoint;
    this.#transport = transport;
    this.#owner = owner;
  }

  /** Handed to the transport and not yet taken by the kernel. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Writes what waits, unless a write is under way. */
  flush(): void {
    const endpoint = this.#endpoint;
    while (this.#inFlightBytes === 0) {
      this.#owner.fillOutput();
      const bytes = endpoint.outputBytes;
      if (bytes === 0) break;
      const written = this.#transport.write(endpoint.takeOutput());
      endpoint.settleOutput(written);
      this.#owner.onHandedOn(bytes, written);
      if (!written) this.#inFlightBytes += bytes;
    }
    this.#owner.onFlushed();
  }

  /**
   * At once for the first frame behind an input when none is left that could bring more, behind that input while it is
   * being parsed, and otherwise with all others behind the microtasks. So a loop of sends is two writes, however long,
   * and an answer to each message needs no tick of its own.
   */
  flushSoon(): void {
    if (this.#flushQueued || this.#owner.isParsing) return; // onInputDone follows
    if (!this.#hasWritten && !this.#owner.inputLeft) {
      this.#hasWritten = true;
      this.flush();
      return;
    }
    this.#flushQueued = true;
    process.nextTick(Outlet.#onTick, this);
  }

  // One function for all connections: a closure of each would be memory that most never need.
  static readonly #onTick = (outlet: Outlet): void => {
    outlet.#flushQueued = false;
    outlet.#hasWritten = false;
    outlet.flush();
  };

  /** All input of this wake-up has been handled: what has been queued meanwhile goes out in one write. */
  onInputDone(): void {
    this.#hasWritten = false;
    if (this.#endpoint.outputBytes > 0 && this.#inFlightBytes === 0) this.flush();
  }

  /** The transport has handed on all that was in flight. */
  onWritten(): void {
    this.#inFlightBytes = 0;
    this.flush();
  }
}
