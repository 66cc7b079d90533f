/** The reading half of a connection: the messages that wait, and whoever reads them. */

import { DeadlineError } from "../errors.ts";
import type { ProtocolError } from "../errors.ts";
import type { Endpoint } from "../endpoint/endpoint.ts";
import { keepBytes } from "../framing/lent-memory.ts";
import { Message } from "../messages/message.ts";
import type { DataType, MessageCheck } from "../messages/message.ts";
import type { Transport } from "../transport/transport.ts";
import { Deadline } from "./deadline.ts";
import { EachReader, misuseOf } from "./each-reader.ts";
import type { Each, EachOwner, ForEachOptions } from "./each-reader.ts";
import { Intake } from "./intake.ts";
import type { IntakeOwner } from "./intake.ts";
import type { ConnLimits } from "./limits.ts";
import type { IterationSource } from "./message-iterator.ts";
import { MessageReader } from "./message-reader.ts";
import { ReadEnd } from "./read-end.ts";
import { isFull, ReadQueue } from "./read-queue.ts";
import type { ReadingEvents } from "./reading-events.ts";
import { StreamedMessage } from "./streamed-message.ts";
import type { StreamedMessageOwner } from "./streamed-message.ts";
import { rejected, waitFor } from "./wait.ts";
import type { WaitOptions, Waiter } from "./wait.ts";

export class Reading<In>
  implements IntakeOwner, StreamedMessageOwner, IterationSource<In>, EachOwner
{
  readonly intake: Intake;
  readonly #endpoint: Endpoint;
  readonly #limits: ConnLimits;
  readonly #events: ReadingEvents;
  readonly #check: MessageCheck<In> | undefined;
  /** Made for the first message that waits. */
  #queue: ReadQueue<In> | undefined;

  // Who reads: at most one of these three waits.
  #waiter: Waiter<Message<In>> | undefined;
  #readerWaiter: Waiter<MessageReader> | undefined;
  #each: EachReader<In> | undefined;
  /** Made for the first message that is read in pieces. */
  #streamed: StreamedMessage | undefined;
  #openIterators = 0;
  #hasRead = false;
  /** Nobody reads and nobody is going to. */
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
    this.#limits = limits;
    this.#events = events;
    this.#check = check;
    this.intake = new Intake(endpoint, transport, this);
  }

  // ---- what the handler's lifetime is judged by ----

  get hasRead(): boolean {
    return this.#hasRead;
  }

  /** Somebody reads right now, or holds an iterator or an unfinished reader. */
  get hasReader(): boolean {
    return this.#somebodyWaits() || this.#openIterators > 0 || this.#streamed?.isOpen === true;
  }

  /** What comes beyond the water mark is dropped and counted from now on, until somebody reads again. */
  leaveUnattended(): void {
    this.#unattended = true;
    this.intake.pump();
  }

  /** Messages or bytes are there that have not been handled: what is sent now may wait for company. */
  get inputLeft(): boolean {
    return this.intake.parsing || this.#waiting() > 0 || this.intake.hasBacklog;
  }

  // ---- asked and told by the intake ----

  get wantsInput(): boolean {
    if (this.#each?.pending === true || this.#streamed?.isInflating === true) return false;
    if (this.#somebodyWaits() || this.#unattended || this.#deaf) return true;
    // Behind the end, nothing but the peer's FIN can come, and it must be seen.
    if (this.#end !== undefined && !this.intake.hasBacklog) return true;
    return (
      this.#streamed?.isFull !== true &&
      !isFull(this.#queue, this.#limits, this.#endpoint.storedBytes)
    );
  }

  onViolation(error: ProtocolError): void {
    this.#events.onViolation(error);
  }

  onParsed(): void {
    this.#checkDeadline();
    this.#settleEnd();
    this.#events.onInputDone();
  }

  onResumed(): void {
    this.#events.onResumed();
  }

  // ---- messages out, called by the endpoint while it parses ----

  onMessage(type: DataType, data: Buffer): void {
    this.intake.count(data.length);
    if (this.#deaf) return;
    const each = this.#each?.ready === true ? this.#each : undefined;
    const waiter = this.#waiter;
    if (
      each === undefined &&
      waiter === undefined &&
      this.#unattended &&
      isFull(this.#queue, this.#limits)
    ) {
      this.#dropped++;
      return;
    }
    // TLS may bring messages while the callback's promise is pending: those wait in the queue.
    const kept = each === undefined && this.#each?.reusesMemory === true ? keepBytes(data) : data;
    const message = new Message(type, kept, this.#dropped, this.#check);
    this.#dropped = 0;
    if (each !== undefined) {
      each.give(message);
      if (!each.ready) this.#endpoint.stop();
    } else if (waiter !== undefined) {
      this.#waiter = undefined;
      waiter.resolve(message);
    } else {
      (this.#queue ??= new ReadQueue()).push(message);
      if (!this.#unattended && isFull(this.#queue, this.#limits)) this.#endpoint.stop();
    }
  }

  onMessageStart(type: DataType, compressed: boolean): void {
    this.#endpoint.stopStreaming(); // the next message is whole again unless somebody asks
    this.#streamed ??= new StreamedMessage(this.#endpoint, this.#limits, this);
    const reader = this.#streamed.begin(type, compressed);
    const waiter = this.#readerWaiter;
    this.#readerWaiter = undefined;
    waiter?.resolve(reader);
  }

  onMessagePiece(piece: Buffer, last: boolean): void {
    this.#streamed?.push(piece, last);
  }

  // ---- told by the message that is read in pieces ----

  onInflated(): void {
    this.intake.pump();
    this.onParsed();
  }

  onInflateViolation(error: ProtocolError): void {
    this.#events.onViolation(error);
    this.onInflated();
  }

  // ---- reading ----

  read(options?: WaitOptions): Promise<Message<In>> {
    const now = this.#readNow(options);
    if (now !== undefined) return Promise.resolve(now);
    return waitFor<Message<In>>(
      "readMessage()",
      options,
      (waiter) => this.wait(waiter),
      () => {
        this.#waiter = undefined;
        this.intake.pump();
      },
    );
  }

  /** What a read has without a wait: the next message, or why there is none. */
  #readNow(options: WaitOptions | undefined): Message<In> | Promise<never> | undefined {
    if (options?.signal?.aborted === true) return rejected(options.signal.reason);
    const misuse = this.claim();
    if (misuse !== undefined) return rejected(misuse);
    const message = this.take();
    if (message !== undefined) return message;
    const { failure } = this;
    return failure === undefined ? undefined : rejected(failure);
  }

  nextReader(options?: WaitOptions): Promise<MessageReader> {
    const now = this.#readNow(options);
    if (now instanceof Promise) return now;
    if (now !== undefined)
      return Promise.resolve(MessageReader.of(now, this.#limits.readBufferSize));
    return waitFor<MessageReader>(
      "nextReader()",
      options,
      (waiter) => {
        this.#readerWaiter = waiter;
        this.#endpoint.startStreaming();
        this.intake.pump();
        this.#checkDeadline();
      },
      () => {
        this.#readerWaiter = undefined;
        this.#endpoint.stopStreaming();
        this.intake.pump();
      },
    );
  }

  forEach(callback: Each<In>, options?: ForEachOptions): Promise<void> {
    const reuseMemory = options?.reuseMemory;
    const misuse = misuseOf(callback, reuseMemory) ?? this.claim();
    if (misuse !== undefined) return rejected(misuse);
    const each = new EachReader(callback, reuseMemory === true, this);
    this.#setEach(each);
    this.onEachReady();
    return each.ended;
  }

  #setEach(each: EachReader<In> | undefined): void {
    this.#each = each;
    this.#endpoint.lends = each?.reusesMemory === true;
  }

  onEachError(error: unknown): void {
    this.#setEach(undefined);
    this.#endpoint.stop();
    this.#events.onCallbackError(error);
  }

  setDeadline(at: Date | number | null): void {
    this.#deadline ??= new Deadline(() => this.#checkDeadline());
    this.#deadline.set(at);
  }

  // ---- for iterators, and the three kinds of read above ----

  claim(): TypeError | undefined {
    if (this.#somebodyWaits())
      return new TypeError("another read waits on this connection: one reader at a time");
    this.#hasRead = true;
    this.#unattended = false;
    if (this.#streamed?.abandon() === true) this.intake.pump();
    return undefined;
  }

  take(): Message<In> | undefined {
    let message = this.#queue?.shift();
    // The backlog is parsed when the queue is empty, so that reading pauses and resumes once a queue, not once a message.
    if (this.#waiting() === 0 && (this.intake.hasBacklog || this.intake.paused)) {
      this.intake.pump();
      message ??= this.#queue?.shift();
    }
    return message;
  }

  get failure(): Error | undefined {
    if (this.#hasUnread()) return undefined;
    if (this.#end === undefined && this.#deadline?.passed === true) this.#failByDeadline();
    return this.#end?.error;
  }

  isQuietEnd(error: unknown): boolean {
    return this.#end?.quiet === true && this.#end.error === error;
  }

  wait(waiter: Waiter<Message<In>>): void {
    this.#waiter = waiter;
    this.intake.pump();
    this.#checkDeadline();
  }

  onIteratorOpened(): void {
    this.#openIterators++;
  }

  onIteratorClosed(): void {
    this.#openIterators--;
    this.#events.onReaderGone();
  }

  // ---- the end ----

  /** Nothing is received any more. Messages that wait can still be read. */
  finish(end: ReadEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#deadline?.clear();
    this.#settleEnd();
    this.intake.pump();
  }

  /** From now on only control frames count; whoever waits goes on waiting for the end. */
  discardAll(): void {
    this.#endpoint.discardData();
    this.#queue?.clear();
    this.#deaf = true;
    this.#streamed?.discard();
    this.#streamed?.abandon();
    this.intake.pump();
  }

  /** Messages that wait. */
  #waiting(): number {
    return this.#queue?.length ?? 0;
  }

  /** Something has been received that nobody could have read yet. */
  #hasUnread(): boolean {
    return this.intake.hasBacklog || this.#streamed?.isInflating === true;
  }

  #somebodyWaits(): boolean {
    return (
      this.#waiter !== undefined || this.#readerWaiter !== undefined || this.#each !== undefined
    );
  }

  /** Gives the waiting messages to `forEach`, then goes on reading for it, or ends it. */
  onEachReady(): void {
    while (this.#each?.ready === true) {
      const message = this.#queue?.shift();
      if (message === undefined) break;
      this.#each.give(message);
    }
    if (this.#each?.ready !== true) return;
    this.intake.pump();
    this.#checkDeadline();
    this.#settleEnd();
  }

  /** Tells the end to whoever waits, once all that has been received is parsed and given. */
  #settleEnd(): void {
    const end = this.#end;
    if (end === undefined || this.#hasUnread()) return;
    this.#streamed?.fail(end.error);
    const waiters = [this.#waiter, this.#readerWaiter];
    this.#waiter = undefined;
    this.#readerWaiter = undefined;
    for (const waiter of waiters) waiter?.reject(end.error);
    const each = this.#each;
    if (each?.ready !== true || this.#waiting() > 0) return;
    this.#setEach(undefined);
    if (end.quiet) each.end();
    else each.endWith(end.error);
    this.#events.onReaderGone();
  }

  /** A passed deadline counts once somebody waits and all that has been received is given. */
  #checkDeadline(): void {
    if (this.#deadline?.passed !== true || this.#end !== undefined || this.#hasUnread()) return;
    const waits = this.#somebodyWaits() && this.#each?.pending !== true;
    if (waits || this.#streamed?.isOpen === true) this.#failByDeadline();
  }

  /** Sticky: what arrives later is not read any more, though the connection lives on. */
  #failByDeadline(): void {
    this.#deaf = true;
    this.#endpoint.discardData(); // behind a message that nobody inflates to its end, no other can be inflated
    const error = new DeadlineError("WS_READ_DEADLINE", "the read deadline has passed");
    this.finish(new ReadEnd(false, error));
  }
}
