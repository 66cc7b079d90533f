/** The reading half of a connection: received bytes, the messages that wait, and whoever reads them. */

import { DeadlineError, ProtocolError } from "../errors.ts";
import type { Endpoint } from "../endpoint/endpoint.ts";
import { Message } from "../messages/message.ts";
import type { DataType, MessageCheck } from "../messages/message.ts";
import type { Transport } from "../transport/transport.ts";
import { Deadline } from "./deadline.ts";
import type { ConnLimits } from "./limits.ts";
import { MessageReader } from "./message-reader.ts";
import { ReadQueue } from "./read-queue.ts";
import { rejected, waitFor } from "./wait.ts";
import type { WaitOptions, Waiter } from "./wait.ts";

/** What the reading half tells the connection. */
export interface ReadingEvents {
  /** The peer broke a rule or a limit. */
  onViolation(error: ProtocolError): void;
  /** A callback of `forEach` threw or rejected. */
  onCallbackError(error: unknown): void;
  /** All input that is there has been looked at: what has been queued meanwhile can go out. */
  onInputDone(): void;
  /** Somebody who read has stopped: an iterator or `forEach` has ended. */
  onReaderGone(): void;
  /** Reading from the socket goes on after a pause. */
  onResumed(): void;
}

type Each<In> = (message: Message<In>) => unknown;

// One wake-up handles at most this much, so that one connection can't hold up the others: a chunk of 64 KiB may
// hold 10,000 messages or inflate to 62 MiB.
const TURN_MESSAGES = 1024;
const TURN_BYTES = 1_048_576;

const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true };

/** How reading has ended. */
export interface ReadEnd {
  readonly error: Error;
  /** Iterators and `forEach` end without an error. */
  readonly quiet: boolean;
}

export class Reading<In> {
  readonly #endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #limits: ConnLimits;
  readonly #events: ReadingEvents;
  readonly #check: MessageCheck<In> | undefined;
  readonly #queue: ReadQueue<In>;

  // Received and not yet parsed.
  #backlog: Buffer | undefined;
  #backlogFrom = 0;
  #flowing = false;
  #parsing = false;
  #resumeQueued = false;
  #turnMessages = 0;
  #turnBytes = 0;

  // Who reads: at most one of these is waiting.
  #waiter: Waiter<Message<In>> | undefined;
  #readerWaiter: Waiter<MessageReader> | undefined;
  #each: Each<In> | undefined;
  #eachEnds: Waiter<void> | undefined;
  #eachPending = false;
  #openReader: MessageReader | undefined;
  #openIterators = 0;
  #hasRead = false;
  #unattended = false;
  #dropped = 0;

  #end: ReadEnd | undefined;
  /** No message is wanted any more. */
  #deaf = false;
  #deadline: Deadline | undefined;

  constructor(
    endpoint: Endpoint,
    transport: Transport,
    limits: ConnLimits,
    events: ReadingEvents,
    check: MessageCheck<In> | undefined,
  ) {
    this.#endpoint = endpoint;
    this.#transport = transport;
    this.#limits = limits;
    this.#events = events;
    this.#check = check;
    this.#queue = new ReadQueue(limits.readQueueBytes, limits.readQueueMessages);
  }

  // ---- what the handler's lifetime is judged by ----

  get hasRead(): boolean {
    return this.#hasRead;
  }

  /** Somebody reads right now, or holds an iterator or a reader. */
  get hasReader(): boolean {
    return (
      this.#waiter !== undefined ||
      this.#readerWaiter !== undefined ||
      this.#each !== undefined ||
      this.#openIterators > 0 ||
      (this.#openReader !== undefined && !this.#openReader.ended)
    );
  }

  /** Nobody reads and nobody is going to: what comes beyond the water mark is dropped and counted from now on. */
  leaveUnattended(): void {
    this.#unattended = true;
    this.#pump();
  }

  /** Reading from the socket is paused, so that the peer's pongs and its end can't be seen. */
  get paused(): boolean {
    return !this.#flowing;
  }

  /** Messages have been given out or queued since the last bytes arrived. */
  get deliveredThisTurn(): boolean {
    return this.#turnMessages > 0;
  }

  /** Messages or bytes are there that have not been handled: what is sent now may wait for company. */
  get inputLeft(): boolean {
    return this.#parsing || this.#queue.length > 0 || this.#backlog !== undefined;
  }

  // ---- bytes in ----

  /** Starts reading, with what has already been received. */
  start(head: Uint8Array): void {
    this.#flowing = true;
    if (head.length > 0) {
      const chunk = Buffer.allocUnsafeSlow(head.length); // a copy: unmasking writes into it
      chunk.set(head);
      this.receive(chunk);
    }
    if (this.#flowing) this.#transport.resume();
  }

  receive(chunk: Buffer): void {
    if (this.#backlog !== undefined) {
      // Arrived after the pause (TLS does that): kept, not dispatched.
      this.#backlog = Buffer.concat([this.#backlog.subarray(this.#backlogFrom), chunk]);
      this.#backlogFrom = 0;
      return;
    }
    this.#turnMessages = 0;
    this.#turnBytes = 0;
    this.#parse(chunk, 0);
  }

  #parse(chunk: Buffer, from: number): void {
    this.#parsing = true;
    try {
      const end = this.#endpoint.receive(chunk, from);
      this.#backlog = end < chunk.length ? chunk : undefined;
      this.#backlogFrom = end;
    } catch (error) {
      this.#backlog = undefined;
      if (!(error instanceof ProtocolError)) throw error;
      this.#events.onViolation(error);
    } finally {
      this.#parsing = false;
    }
    this.#settleEnd();
    this.#steer();
    this.#events.onInputDone();
  }

  /** Goes on with the backlog where that is allowed. */
  #pump(): void {
    if (this.#parsing || this.#resumeQueued) return;
    const chunk = this.#backlog;
    if (chunk === undefined) this.#steer();
    else if (this.#mayParse()) this.#parse(chunk, this.#backlogFrom);
  }

  #mayParse(): boolean {
    if (this.#end !== undefined && this.#backlog === undefined) return true; // nothing but the peer's FIN can come
    if (this.#eachPending || this.#turnIsOver()) return false;
    if (this.#each !== undefined || this.#waiter !== undefined || this.#readerWaiter !== undefined)
      return true;
    if (this.#unattended) return true;
    const open = this.#openReader;
    if (open !== undefined && open.bufferedBytes >= this.#limits.readQueueBytes) return false;
    return !this.#queue.isFull(this.#endpoint.storedBytes);
  }

  #turnIsOver(): boolean {
    return this.#turnMessages >= TURN_MESSAGES || this.#turnBytes >= TURN_BYTES;
  }

  /** Pauses or resumes the socket, and queues the next turn when this one is over. */
  #steer(): void {
    const flow = this.#backlog === undefined && this.#mayParse();
    if (flow !== this.#flowing) {
      this.#flowing = flow;
      if (flow) {
        this.#transport.resume();
        this.#events.onResumed();
      } else this.#transport.pause();
    }
    if (!flow && this.#turnIsOver() && !this.#resumeQueued) {
      this.#resumeQueued = true;
      setImmediate(() => {
        this.#resumeQueued = false;
        this.#turnMessages = 0;
        this.#turnBytes = 0;
        this.#pump();
      });
    }
  }

  // ---- messages out, called by the endpoint while it parses ----

  onMessage(type: DataType, data: Buffer): void {
    this.#turnMessages++;
    this.#turnBytes += data.length;
    if (this.#turnIsOver()) this.#endpoint.stop();
    if (this.#deaf) return;
    const waiter = this.#waiter;
    if (
      this.#each === undefined &&
      waiter === undefined &&
      this.#unattended &&
      this.#queue.isFull(0)
    ) {
      this.#dropped++;
      return;
    }
    const message = new Message(type, data, this.#dropped, this.#check);
    this.#dropped = 0;
    if (this.#each !== undefined) {
      this.#dispatch(message);
    } else if (waiter !== undefined) {
      this.#waiter = undefined;
      waiter.resolve(message);
    } else {
      this.#queue.push(message);
      if (!this.#unattended && this.#queue.isFull(0)) this.#endpoint.stop();
    }
  }

  onMessageStart(type: DataType): void {
    this.#endpoint.stopStreaming(); // the next message is whole again unless somebody asks
    const reader = new MessageReader(type, { onTaken: () => this.#pump() });
    this.#openReader = reader;
    const waiter = this.#readerWaiter;
    this.#readerWaiter = undefined;
    waiter?.resolve(reader);
  }

  onMessagePiece(piece: Buffer, last: boolean): void {
    const reader = this.#openReader;
    if (reader === undefined) return;
    reader.push(piece, last);
    if (last) this.#openReader = undefined;
    if (reader.bufferedBytes >= this.#limits.readQueueBytes) this.#endpoint.stop();
  }

  #dispatch(message: Message<In>): void {
    let result: unknown;
    try {
      result = this.#each?.(message);
    } catch (error) {
      this.#failEach(error);
      return;
    }
    if (!isThenable(result)) return;
    this.#eachPending = true;
    this.#endpoint.stop();
    result.then(
      () => {
        this.#eachPending = false;
        this.#serveEach();
      },
      (error: unknown) => {
        this.#eachPending = false;
        this.#failEach(error);
      },
    );
  }

  #failEach(error: unknown): void {
    const ends = this.#eachEnds;
    this.#each = undefined;
    this.#eachEnds = undefined;
    this.#endpoint.stop();
    ends?.reject(error);
    this.#events.onCallbackError(error);
  }

  /** Gives the waiting messages to `forEach`, then goes on reading for it, or ends it. */
  #serveEach(): void {
    while (this.#each !== undefined && !this.#eachPending) {
      const message = this.#queue.shift();
      if (message === undefined) break;
      this.#dispatch(message);
    }
    if (this.#each === undefined || this.#eachPending) return;
    this.#pump();
    this.#endEach();
  }

  /** Ends `forEach` once there is nothing left to give it. */
  #endEach(): void {
    const end = this.#end;
    if (end === undefined || this.#eachPending || this.inputLeft) return;
    const ends = this.#eachEnds;
    if (ends === undefined) return;
    this.#each = undefined;
    this.#eachEnds = undefined;
    if (end.quiet) ends.resolve();
    else ends.reject(end.error);
    this.#events.onReaderGone();
  }

  // ---- reading ----

  read(options?: WaitOptions): Promise<Message<In>> {
    const misuse = this.#claim();
    if (misuse !== undefined) return rejected(misuse);
    const message = this.#take();
    if (message !== undefined) return Promise.resolve(message);
    const failure = this.#readFailure();
    if (failure !== undefined) return rejected(failure);
    return waitFor("readMessage()", options, (waiter) => this.#await(waiter), this.#withdraw);
  }

  nextReader(options?: WaitOptions): Promise<MessageReader> {
    const misuse = this.#claim();
    if (misuse !== undefined) return rejected(misuse);
    const message = this.#take();
    if (message !== undefined) {
      const reader = new MessageReader(message.type, { onTaken: () => {} });
      reader.push(message.data, true);
      return Promise.resolve(reader);
    }
    const failure = this.#readFailure();
    if (failure !== undefined) return rejected(failure);
    return waitFor(
      "nextReader()",
      options,
      (waiter: Waiter<MessageReader>) => {
        this.#readerWaiter = waiter;
        this.#endpoint.startStreaming();
        this.#pump();
      },
      () => {
        this.#readerWaiter = undefined;
        this.#endpoint.stopStreaming();
        this.#steer();
      },
    );
  }

  forEach(callback: Each<In>): Promise<void> {
    if (typeof callback !== "function")
      return rejected(new TypeError(`forEach takes a function, got ${typeof callback}`));
    const misuse = this.#claim();
    if (misuse !== undefined) return rejected(misuse);
    return waitFor("forEach()", undefined, (waiter: Waiter<void>) => {
      this.#each = callback;
      this.#eachEnds = waiter;
      this.#serveEach();
    });
  }

  iterate(): AsyncIterableIterator<Message<In>, undefined> {
    let state: "idle" | "open" | "done" = "idle";
    const finish = (): void => {
      const wasOpen = state === "open";
      state = "done";
      if (!wasOpen) return;
      this.#openIterators--;
      this.#events.onReaderGone();
    };
    // Ends the iteration quietly where that is due, else gives the error on.
    const end = (waiter: Waiter<IteratorResult<Message<In>, undefined>>, error: unknown): void => {
      const quiet = this.#isQuiet(error);
      finish();
      if (quiet) waiter.resolve(DONE);
      else waiter.reject(error);
    };
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => {
        if (state === "done") return Promise.resolve(DONE);
        const misuse = this.#claim();
        if (misuse !== undefined) return rejected(misuse);
        if (state === "idle") {
          state = "open";
          this.#openIterators++;
        }
        const message = this.#take();
        if (message !== undefined) return Promise.resolve({ value: message, done: false });
        return waitFor("iteration", undefined, (waiter) => {
          const failure = this.#readFailure();
          if (failure !== undefined) {
            end(waiter, failure);
            return;
          }
          this.#await({
            resolve: (arrived) => waiter.resolve({ value: arrived, done: false }),
            reject: (error) => end(waiter, error),
          });
        });
      },
      return: () => {
        finish();
        return Promise.resolve(DONE);
      },
    };
  }

  setDeadline(at: Date | number | null): void {
    (this.#deadline ??= new Deadline(() => this.#onDeadline())).set(at);
  }

  // ---- the end ----

  /** Nothing is received any more. Messages that wait can still be read. */
  finish(end: ReadEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#deadline?.clear();
    this.#settleEnd();
    this.#steer();
  }

  /** Tells the end to whoever waits, once all that has been received is parsed. */
  #settleEnd(): void {
    const end = this.#end;
    if (end === undefined || this.#backlog !== undefined) return;
    this.#openReader?.fail(end.error);
    this.#rejectWaiters(end.error);
    this.#endEach();
  }

  /** From now on only control frames count; whoever waits goes on waiting for the end. */
  discardAll(): void {
    this.#endpoint.discardData();
    this.#queue.clear();
    this.#unattended = true;
    if (!this.#parsing) this.#pump();
  }

  #claim(): TypeError | undefined {
    if (
      this.#waiter !== undefined ||
      this.#readerWaiter !== undefined ||
      this.#each !== undefined
    ) {
      return new TypeError("another read waits on this connection: one reader at a time");
    }
    this.#hasRead = true;
    this.#unattended = false;
    if (this.#openReader !== undefined) {
      this.#openReader.abandon();
      this.#pump();
    }
    return undefined;
  }

  #take(): Message<In> | undefined {
    let message = this.#queue.shift();
    if (this.#queue.length === 0 && this.#backlog !== undefined) {
      this.#pump();
      message ??= this.#queue.shift();
    } else if (!this.#flowing) this.#steer();
    return message;
  }

  #await(waiter: Waiter<Message<In>>): void {
    this.#waiter = waiter;
    this.#pump();
  }

  readonly #withdraw = (): void => {
    this.#waiter = undefined;
    this.#steer();
  };

  /** Why a read can't wait for more. */
  #readFailure(): Error | undefined {
    if (this.#end === undefined && this.#deadline?.passed === true) this.#failByDeadline();
    return this.#backlog === undefined ? this.#end?.error : undefined;
  }

  #onDeadline(): void {
    if (this.hasReader) this.#failByDeadline();
  }

  /** Sticky: what arrives later is not read any more, though the connection lives on. */
  #failByDeadline(): void {
    this.#deaf = true;
    this.#backlog = undefined;
    this.finish({
      error: new DeadlineError("WS_READ_DEADLINE", "the read deadline has passed"),
      quiet: false,
    });
  }

  #rejectWaiters(error: Error): void {
    const waiter = this.#waiter;
    const readerWaiter = this.#readerWaiter;
    this.#waiter = undefined;
    this.#readerWaiter = undefined;
    waiter?.reject(error);
    readerWaiter?.reject(error);
  }

  #isQuiet(error: unknown): boolean {
    return this.#end?.quiet === true && this.#end.error === error;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}
