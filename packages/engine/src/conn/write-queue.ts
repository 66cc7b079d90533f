/** The writing half of a connection: messages in call order, one write at a time, bounded. */
// oxlint-disable max-lines -- messages, fragments, control frames and shared ones keep one order, which is one state

import { DeadlineError } from "../errors.ts";
import type { Endpoint } from "../endpoint/endpoint.ts";
import { keepBytes, keepStore } from "../framing/lent-memory.ts";
import { Opcode } from "../framing/opcode.ts";
import type { MessageDeflate } from "../extensions/message-deflate.ts";
import type { DataType } from "../messages/message.ts";
import type { PreparedMessage } from "../messages/prepared-message.ts";
import type { Transport } from "../transport/transport.ts";
import { Deadline } from "./deadline.ts";
import { DeflateLane } from "./deflate-lane.ts";
import type { ConnLimits } from "./limits.ts";
import { GroupFeeds } from "./group-feeds.ts";
import { Outlet } from "./outlet.ts";
import type { OutletOwner } from "./outlet.ts";
import { copyToWait, goesByReference, payloadBytes } from "./payload.ts";
import { rejected } from "./wait.ts";
import type { WaitOptions, Waiter } from "./wait.ts";
import { WaitingWrites } from "./waiting-writes.ts";
import { writeBehindClose, writeOverLimit } from "./write-errors.ts";

/** What the writing half asks and tells the connection. */
export interface WriteQueueOwner {
  /** See {@link OutletOwner}. */
  readonly inputLeft: boolean;
  readonly isParsing: boolean;
  /** More waits to be sent than `maxBufferedAmount`. */
  onOverflow(): void;
  /** The write deadline has passed for bytes that wait. */
  onPeerLost(error: Error): void;
  /** A long message is compressed, and what waited for that has been handed on as far as the peer takes it. */
  onDeflated(): void;
}

/** Options of one message. */
export interface MessageOptions extends WaitOptions {
  /** `false` sends this message plain where compression has been negotiated. @default true */
  readonly compress?: boolean | undefined;
}

const RESOLVED: Promise<void> = Promise.resolve();

export class WriteQueue implements OutletOwner {
  readonly #endpoint: Endpoint;
  readonly #outlet: Outlet;
  readonly #limits: ConnLimits;
  readonly #owner: WriteQueueOwner;

  #writerOpen = false;
  /** Most connections have none of these three, nor a deadline. */
  #waiting: WaitingWrites | undefined;
  readonly #lane: DeflateLane | undefined;
  #feeds: GroupFeeds | undefined;
  /** Made when somebody writes or waits: a stack costs 8 µs, and most connections end without. */
  #failure: Error | (() => Error) | undefined;
  #deadline: Deadline | undefined;

  constructor(
    endpoint: Endpoint,
    transport: Transport,
    limits: ConnLimits,
    owner: WriteQueueOwner,
  ) {
    this.#endpoint = endpoint;
    this.#outlet = new Outlet(endpoint, transport, this);
    this.#limits = limits;
    this.#owner = owner;
    if (endpoint.deflate !== undefined) this.#lane = this.#openLane(endpoint.deflate);
  }

  #openLane(deflate: MessageDeflate): DeflateLane {
    return new DeflateLane(
      this.#endpoint,
      deflate,
      (owner) => this.#waits.owners.add(owner),
      () => {
        this.flush();
        this.#owner.onDeflated();
      },
    );
  }

  get #waits(): WaitingWrites {
    return (this.#waiting ??= new WaitingWrites(
      () => this.belowWaterMark,
      () => this.#mayTakePiece(),
    ));
  }

  /** Bytes of frames that the kernel has not taken yet. */
  get bufferedAmount(): number {
    return (
      this.#endpoint.outputBytes +
      this.#outlet.inFlightBytes +
      (this.#waiting?.bytes ?? 0) +
      (this.#lane?.bytes ?? 0)
    );
  }

  get belowWaterMark(): boolean {
    return this.bufferedAmount < this.#limits.writeWaterMark;
  }

  /** Everything has been handed to the transport. */
  get isFlushed(): boolean {
    return (
      this.#waiting?.isEmpty !== false &&
      this.#lane?.isTaken !== true &&
      this.#endpoint.outputBytes === 0
    );
  }

  /** Why nothing can be written any more. */
  get failure(): Error | undefined {
    if (this.#failure === undefined && this.#deadline?.passed === true) this.#failByDeadline();
    if (typeof this.#failure === "function") this.#failure = this.#failure();
    return this.#failure;
  }

  // ---- what groups send ----

  /** The groups of this connection. */
  get feeds(): GroupFeeds {
    return (this.#feeds ??= new GroupFeeds((frames) => this.#shareCopy(frames)));
  }

  /** Frames of this connection can be those of others: not masked, and not compressed in its own context. */
  get sharesFrames(): boolean {
    return this.#endpoint.sharesPrepared && this.#endpoint.deflate === undefined;
  }

  /**
   * Writes whole frames that many connections share.
   *
   * @returns true when nobody looks at them any more; else they must stay as they are.
   */
  share(frames: Uint8Array): boolean {
    if (this.failure !== undefined || !this.#admit(frames)) return true;
    if (this.#mustPark()) {
      this.#parkShared(frames);
      return true;
    }
    this.#endpoint.sendFrames(frames);
    this.flush();
    return this.#outlet.inFlightBytes === 0;
  }

  /** Queues a copy of such frames. */
  #shareCopy(frames: Uint8Array): void {
    if (this.failure !== undefined || !this.#admit(frames)) return;
    if (this.#mustPark()) this.#parkShared(frames);
    else {
      this.#endpoint.sendCopyOfFrames(frames);
      this.#outlet.flushSoon();
    }
  }

  #parkShared(frames: Uint8Array): void {
    const kept = Uint8Array.from(frames);
    const start = (): void => this.#endpoint.sendFrames(kept);
    this.#waits.parked.park({ bytes: kept.length, start, reject: () => {} });
  }

  // ---- messages ----

  /** Queues a message and says whether more is welcome. The payload has been checked. */
  send(type: DataType, payload: string | Uint8Array): boolean {
    this.#feeds?.catchUp();
    if (this.failure !== undefined || !this.#admit(payload)) return false;
    const kept = goesByReference(payload) ? keepBytes(payload) : payload;
    if (this.#mustPark()) this.#parkMessage(type, kept, true);
    else {
      this.#send(type, kept, true);
      this.#outlet.flushSoon();
    }
    return this.belowWaterMark;
  }

  /** Queues a message; resolves when more is welcome, or, for a long payload, when its memory is free again. */
  write(type: DataType, payload: string | Uint8Array, options?: MessageOptions): Promise<void> {
    this.#feeds?.catchUp();
    const failure = this.failure;
    if (failure !== undefined) return rejected(failure);
    if (options?.signal?.aborted === true) return rejected(options.signal.reason);
    if (!this.#admit(payload)) return rejected(this.failure);
    const compress = options?.compress !== false;
    const byReference = goesByReference(payload);
    if (byReference || (options?.signal !== undefined && this.#mustPark())) {
      const kept = copyToWait(payload);
      const written = this.#waits.parked.parkAndWait("write", kept.length, options, (waiter) =>
        this.#send(type, kept, compress, waiter),
      );
      this.flush();
      if (byReference && this.bufferedAmount > 0) keepStore(payload);
      return written;
    }
    if (this.#mustPark()) this.#parkMessage(type, payload, compress);
    else {
      this.#send(type, payload, compress);
      this.#outlet.flushSoon();
    }
    return this.belowWaterMark ? RESOLVED : this.drained(options);
  }

  /** Queues a message that is serialized once for many connections. */
  writePrepared(message: PreparedMessage): Promise<void> {
    this.#feeds?.catchUp();
    const failure = this.failure;
    if (failure !== undefined) return rejected(failure);
    if (!this.#admit(message.payload)) return rejected(this.failure);
    const start = (): void => {
      if (this.#lane === undefined) this.#endpoint.sendPrepared(message);
      else this.#lane.sendPrepared(message);
    };
    if (this.#mustPark())
      this.#waits.parked.park({ bytes: message.payload.length, start, reject: () => {} });
    else {
      start();
      this.#outlet.flushSoon();
    }
    return this.belowWaterMark ? RESOLVED : this.drained();
  }

  /** Resolves when the buffered amount is below the water mark. */
  drained(options?: WaitOptions): Promise<void> {
    const failure = this.failure;
    if (failure !== undefined) return rejected(failure);
    if (this.belowWaterMark) return RESOLVED;
    return this.#waits.drain.wait(options);
  }

  // ---- one message in pieces ----

  /** Waits for the turn of a message in pieces. {@link endFragments} must follow. */
  beginFragments(options?: WaitOptions): Promise<void> {
    this.#feeds?.catchUp();
    const failure = this.failure;
    if (failure !== undefined) return rejected(failure);
    if (options?.signal?.aborted === true) return rejected(options.signal.reason);
    if (!this.#admit("")) return rejected(this.failure);
    if (!this.#laneTaken() && this.#nothingParked()) {
      this.#writerOpen = true;
      return RESOLVED;
    }
    return this.#waits.parked.parkAndWait("nextWriter()", 0, options, (waiter) => {
      this.#writerOpen = true;
      waiter.resolve();
    });
  }

  /** Queues a frame of the open message; resolves when more is welcome. */
  writeFragment(
    opcode: DataType | typeof Opcode.continuation,
    payload: Uint8Array,
    fin: boolean,
    compressed: boolean,
  ): Promise<void> {
    const failure = this.failure;
    if (failure !== undefined) return rejected(failure);
    if (!this.#admit(payload)) return rejected(this.failure);
    // Copied, however long: a writer may use its buffer again.
    this.#endpoint.sendFragment(
      opcode,
      goesByReference(payload) ? Buffer.from(payload) : payload,
      fin,
      compressed,
    );
    this.#outlet.flushSoon();
    return this.#mayTakePiece() ? RESOLVED : this.#waits.pieces.wait();
  }

  #mayTakePiece(): boolean {
    const parked = this.#waiting?.parked.bytes ?? 0;
    return this.bufferedAmount - parked < this.#limits.writeWaterMark;
  }

  /** The message in pieces is complete: the others may go on. */
  endFragments(): void {
    this.#writerOpen = false;
    if (!this.#nothingParked()) this.flush();
  }

  // ---- control frames, which pass what is parked ----

  /** Sends a ping or pong; resolves when it is on its way. A wait that ends early withdraws it. */
  control(
    opcode: typeof Opcode.ping | typeof Opcode.pong,
    payload: Uint8Array,
    options?: WaitOptions,
  ): Promise<void> {
    const { failure } = this;
    if (failure !== undefined) return rejected(failure);
    if (!this.#admit(payload)) return rejected(this.failure);
    if (this.#outlet.inFlightBytes === 0) {
      this.#endpoint.sendControl(opcode, payload);
      this.#outlet.flushSoon();
      return RESOLVED;
    }
    const copy = Uint8Array.from(payload);
    return this.#waits.controls.parkAndWait("control frame", copy.length, options, (waiter) => {
      this.#endpoint.sendControl(opcode, copy);
      waiter.resolve();
    });
  }

  /** Answers a ping: of those that wait only the newest is kept (§5.5.3). */
  pong(payload: Uint8Array): void {
    if (this.failure !== undefined) return;
    if (this.#outlet.inFlightBytes > 0) {
      this.#waits.pong = Uint8Array.from(payload); // a copy: the payload is a view of received bytes
      return;
    }
    this.#endpoint.sendControl(Opcode.pong, payload);
    this.#outlet.flushSoon();
  }

  /**
   * Queues the close frame behind all messages, and refuses what comes after it. With a writer open it goes at once,
   * since that message can't be completed any more.
   */
  close(code: number, reason: string): void {
    this.#feeds?.catchUp();
    this.refuse(writeBehindClose);
    const send = (): void => this.#endpoint.sendClose(code, reason);
    if (this.#nothingParked() && this.#lane?.isTaken !== true) send();
    else this.#waits.parked.park({ bytes: 0, start: send, reject: () => {} });
    if (this.#waiting !== undefined) this.#waiting.pong = undefined; // nothing follows a close frame
    this.flush();
  }

  /** Lets out what waits, and gives `error` to every later write. What stands behind an open writer gets it too. */
  refuse(error: Error | (() => Error)): void {
    this.#failure ??= error;
    const failure = this.#writerOpen ? this.failure : undefined;
    if (failure !== undefined) this.#waiting?.parked.rejectAll(failure);
  }

  // ---- bytes out ----

  /** Writes what waits, unless a write is under way. */
  flush(): void {
    this.#outlet.flush();
  }

  onInputDone(): void {
    this.#outlet.onInputDone();
  }

  onWritten(): void {
    this.#waiting?.owners.onWritten();
    this.#outlet.onWritten();
  }

  get inputLeft(): boolean {
    return this.#owner.inputLeft;
  }

  get isParsing(): boolean {
    return this.#owner.isParsing;
  }

  /** Puts what waits into the output, up to one batch, or until a writer takes its turn. */
  fillOutput(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (waiting.pong !== undefined) {
      this.#endpoint.sendControl(Opcode.pong, waiting.pong);
      waiting.pong = undefined;
    }
    waiting.controls.start(() => true);
    waiting.parked.start(
      () => !this.#laneTaken() && this.#endpoint.outputBytes < this.#limits.writeWaterMark,
    );
  }

  onHandedOn(bytes: number, written: boolean): void {
    this.#waiting?.onHandedOn(bytes, written);
  }

  onFlushed(): void {
    this.#waiting?.wake();
  }

  /** Drops everything that waits; all writers and later writes get `error`. */
  fail(error: Error | (() => Error)): void {
    this.#failure ??= error;
    this.#deadline?.clear();
    this.#endpoint.clearOutput();
    const somebodyWaits = this.#lane !== undefined || this.#waiting !== undefined;
    const failure = somebodyWaits ? this.failure : undefined;
    if (failure === undefined) return;
    this.#lane?.cancel(failure);
    this.#waiting?.rejectAll(failure);
  }

  setDeadline(at: Date | number | null): void {
    this.#deadline ??= new Deadline(() => {
      if (this.bufferedAmount > 0 || !this.#nothingParked()) this.#failByDeadline();
    });
    this.#deadline.set(at);
  }

  #failByDeadline(): void {
    if (this.#failure !== undefined) return;
    const error = new DeadlineError("WS_WRITE_DEADLINE", "the write deadline has passed");
    this.fail(error);
    this.#owner.onPeerLost(error);
  }

  /** A message is under way that no other may interrupt (§5.4). */
  #laneTaken(): boolean {
    return this.#writerOpen || this.#lane?.isTaken === true;
  }

  #mustPark(): boolean {
    return this.#outlet.inFlightBytes > 0 || this.#laneTaken() || !this.#nothingParked();
  }

  #nothingParked(): boolean {
    return this.#waiting === undefined || this.#waiting.parked.length === 0;
  }

  /** Puts a message into the output. A payload that goes by reference is its owner's again when that is told so. */
  #send(
    type: DataType,
    payload: string | Uint8Array,
    compress: boolean,
    owner?: Waiter<void>,
  ): void {
    if (this.#lane !== undefined) {
      this.#lane.sendMessage(type, payload, compress, owner);
      return;
    }
    this.#endpoint.sendMessage(type, payload, false);
    if (owner !== undefined) this.#waits.owners.add(owner);
  }

  /** Parks a message: a short payload as a copy. */
  #parkMessage(type: DataType, payload: string | Uint8Array, compress: boolean): void {
    const kept = copyToWait(payload);
    const start = (): void => this.#send(type, kept, compress);
    this.#waits.parked.park({ bytes: payloadBytes(kept), start, reject: () => {} });
  }

  /** Lets one message of any size into an empty queue, and no more than the maximum into any other. */
  #admit(payload: string | Uint8Array): boolean {
    const waiting = this.bufferedAmount + (this.#waiting?.overhead ?? 0);
    const room = this.#limits.maxBufferedAmount - waiting;
    // A UTF-16 unit is at most 3 bytes, so the exact length matters near the limit only.
    if (waiting === 0 || payload.length * 3 <= room || payloadBytes(payload) <= room) return true;
    this.fail(writeOverLimit(waiting, payloadBytes(payload), this.#limits.maxBufferedAmount));
    this.#owner.onOverflow();
    return false;
  }
}
