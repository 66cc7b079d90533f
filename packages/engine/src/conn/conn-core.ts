/** Endpoint, transport and time put together: what a connection does when something happens. */

import type { Duplex } from "node:stream";
import { CloseCode } from "../close-code.ts";
import { Endpoint } from "../endpoint/endpoint.ts";
import type { EndpointEvents } from "../endpoint/endpoint.ts";
import { CloseError } from "../errors.ts";
import type { CloseInfo, ProtocolError } from "../errors.ts";
import type { MessageDeflate } from "../extensions/message-deflate.ts";
import { serializeClosePayload, truncateCloseReason } from "../framing/close-payload.ts";
import type { Role } from "../framing/frame.ts";
import type { MessageChecks } from "../messages/contract.ts";
import type { DataType } from "../messages/message.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import type { ControlHandlers } from "./control-handlers.ts";
import type { ConnLimits } from "./limits.ts";
import { isCausedBy, isQuietCode } from "./close-errors.ts";
import type { ClosedListener } from "./closed-listener.ts";
import { Closing } from "./closing.ts";
import type { ClosingOwner } from "./closing.ts";
import { Ending } from "./ending.ts";
import { Lifetime } from "./lifetime.ts";
import { Liveness } from "./liveness.ts";
import type { LivenessOwner } from "./liveness.ts";
import { ReadEnd } from "./read-end.ts";
import { Reading } from "./reading.ts";
import type { ReadingEvents } from "./reading-events.ts";
import { writeOnClosed } from "./write-errors.ts";
import { WriteQueue } from "./write-queue.ts";
import type { WriteQueueOwner } from "./write-queue.ts";

export interface ErrorReporter {
  report(error: unknown): void;
}

const ABNORMAL: CloseInfo = { code: CloseCode.abnormalClosure, reason: "", wasClean: false };

export interface CoreInit<In> {
  readonly role: Role;
  readonly limits: ConnLimits;
  readonly checks: MessageChecks<In>;
  readonly deflate: MessageDeflate | undefined;
  readonly netConn: Duplex;
  readonly connect: (socket: Duplex, events: TransportEvents) => Transport;
}

export class ConnCore<In>
  implements
    EndpointEvents,
    TransportEvents,
    ReadingEvents,
    WriteQueueOwner,
    LivenessOwner,
    ClosingOwner
{
  readonly role: Role;
  readonly limits: ConnLimits;
  readonly transport: Transport;
  readonly reading: Reading<In>;
  readonly writing: WriteQueue;
  readonly liveness: Liveness;
  handlers: ControlHandlers | undefined;
  /** Where errors go that no promise of the handler carries; undefined: nobody has said. */
  reporter: ErrorReporter | undefined;

  readonly #endpoint: Endpoint;
  // Most connections need none of these three while they are open.
  #lifetime: Lifetime | undefined;
  #ending: Ending | undefined;
  #closing: Closing | undefined;
  /** The newest of those who hear that the socket is gone. */
  #closedListener: ClosedListener | undefined;
  #end: CloseInfo | undefined;
  /** What reads get once the connection has ended. */
  #readEnd: ReadEnd | undefined;
  #transportClosed = false;

  constructor(init: CoreInit<In>) {
    this.role = init.role;
    this.limits = init.limits;
    this.#endpoint = new Endpoint({
      role: init.role,
      readLimit: init.limits.readLimit,
      deflate: init.deflate,
      events: this,
    });
    this.transport = init.connect(init.netConn, this);
    this.reading = new Reading(
      this.#endpoint,
      this.transport,
      init.limits,
      this,
      init.checks.incoming,
    );
    this.writing = new WriteQueue(this.#endpoint, this.transport, init.limits, this);
    this.liveness = new Liveness(this, init.limits);
  }

  /** 0-3 as in WHATWG's `readyState`, without CONNECTING. */
  get readyState(): 1 | 2 | 3 {
    if (this.#transportClosed) return 3;
    if (this.#end !== undefined) return 2;
    return this.#closing?.isSent === true || this.#closing?.isLocal === true ? 2 : 1;
  }

  /** Set once the connection is over. */
  get end(): CloseInfo | undefined {
    return this.#end;
  }

  /** What reads get once it is over. */
  get endError(): Error | undefined {
    return this.#readEnd?.error;
  }

  /** Its end as a promise and as a signal. */
  get ending(): Ending {
    const end = this.#transportClosed ? this.#end : undefined;
    return (this.#ending ??= new Ending(this.#readEnd, end));
  }

  /** How long it lives past its handler. */
  get lifetime(): Lifetime {
    return (this.#lifetime ??= new Lifetime(this.reading, this));
  }

  /** Tells `listener` when the socket is gone: what `closed` tells, without a promise for each connection. */
  whenClosed(listener: ClosedListener): void {
    if (this.#transportClosed) listener.onClosed();
    else {
      listener.nextListener = this.#closedListener;
      this.#closedListener = listener;
    }
  }

  /** One of them that `test` holds for. */
  hasClosedListener(test: (listener: ClosedListener) => boolean): boolean {
    let listener = this.#closedListener;
    while (listener !== undefined && !test(listener)) listener = listener.nextListener;
    return listener !== undefined;
  }

  /** Compression, when it has been negotiated. */
  get deflate(): MessageDeflate | undefined {
    return this.#endpoint.deflate;
  }

  setReadLimit(bytes: number): void {
    this.#endpoint.readLimit = bytes;
  }

  /** Tells an error that no promise carries. The end of this very connection is none when nobody listens for it. */
  report(error: unknown): void {
    if (this.reporter !== undefined) this.reporter.report(error);
    // oxlint-disable-next-line no-console -- the last resort when there is no route with an error channel
    else if (!this.isOwnEnd(error)) console.error(error);
  }

  /** The end of this very connection, met by a read, a write or its signal, also as a cause. */
  isOwnEnd(error: unknown): boolean {
    return isCausedBy(error, [this.endError, this.writing.failure]);
  }

  // ---- closing ----

  /**
   * Starts the closing handshake; the rest happens by itself.
   *
   * @throws RangeError for a code or reason that can't be sent.
   */
  close(code: number, reason: string, timeout: number = this.limits.closeTimeout): void {
    serializeClosePayload(code, reason); // throws before anything has changed
    const closing = this.#startClosing();
    closing.runDeferred();
    if (this.#end !== undefined || closing.isDiscarding) return;
    closing.isLocal = true;
    closing.isDiscarding = true;
    this.reading.discardAll();
    closing.send(code, reason);
    closing.limit(timeout);
  }

  /**
   * Sends a close frame and nothing else: messages are read on until the peer answers. gorilla's `WriteControl`.
   *
   * @throws RangeError for a code or reason that can't be sent.
   */
  writeClose(code: number, reason: string): void {
    serializeClosePayload(code, reason);
    const closing = this.#startClosing();
    if (this.#end === undefined) closing.isLocal = true;
    closing.send(code, reason);
    if (this.#end === undefined) closing.limit(this.limits.closeTimeout);
    else closing.finish();
  }

  /** Gives the socket up at once. */
  terminate(): void {
    const closing = this.#startClosing();
    closing.isLocal = true;
    closing.runDeferred();
    this.#endWith(ABNORMAL, undefined);
    this.#destroy(undefined);
  }

  #startClosing(): Closing {
    return (this.#closing ??= new Closing(this));
  }

  #destroy(cause: Error | undefined): void {
    this.writing.fail(() => writeOnClosed(cause));
    this.transport.destroy();
  }

  /** The connection is over: everybody who waits is told. */
  #endWith(end: CloseInfo, cause: Error | undefined, failure?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = end;

    const quiet =
      failure === undefined && (this.#closing?.isLocal === true || isQuietCode(end.code));
    const options = cause === undefined ? {} : { cause };
    const readEnd = new ReadEnd(quiet, failure ?? (() => new CloseError(end, options)));
    this.#readEnd = readEnd;
    this.#ending?.onEnded(readEnd);
    this.reading.finish(readEnd);
    this.liveness.stop(readEnd);
  }

  // ---- told by the endpoint, inside reading ----

  onMessage(type: DataType, data: Buffer): void {
    this.reading.onMessage(type, data);
  }

  onMessageStart(type: DataType, compressed: boolean): void {
    this.reading.onMessageStart(type, compressed);
  }

  onMessagePiece(piece: Buffer, last: boolean): void {
    this.reading.onMessagePiece(piece, last);
  }

  onPing(payload: Buffer): void {
    const handler = this.handlers?.ping;
    if (handler === undefined) this.writing.pong(payload);
    else this.#runHandler(() => handler(payload));
  }

  onPong(payload: Buffer): void {
    this.liveness.onPong(payload);
    const handler = this.handlers?.pong;
    if (handler !== undefined) this.#runHandler(() => handler(payload));
  }

  onClose(code: number, reason: string): void {
    const closing = this.#startClosing();
    closing.defer(() => {
      const handler = this.handlers?.close;
      if (handler !== undefined && !closing.isSent) {
        if (!this.#runHandler(() => handler(code, reason))) return;
      } else {
        // "When sending a Close frame in response, the endpoint typically echos the status code it received" §5.5.1
        closing.send(code, "");
      }
      this.#endWith({ code, reason, wasClean: closing.isSent }, undefined);
      if (closing.isSent) closing.finish();
      else closing.limit(this.limits.closeTimeout); // the handler has taken the answer upon itself
    });
  }

  /** Runs a user's control handler; its error becomes that of reading, as gorilla's does. */
  #runHandler(run: () => unknown): boolean {
    try {
      const result = run();
      if (result instanceof Promise) result.catch((error: unknown) => this.#onHandlerError(error));
      return true;
    } catch (error) {
      this.#onHandlerError(error);
      return false;
    }
  }

  #onHandlerError(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#endpoint.stopListening();
    const end = { code: CloseCode.internalError, reason: "", wasClean: false };
    this.#closeBy(end, failure);
  }

  /** Closes for a failure of this side or a violation of the peer. */
  #closeBy(end: CloseInfo, failure: Error): void {
    const closing = this.#startClosing();
    closing.send(end.code, truncateCloseReason(end.reason));
    this.#endWith(end, undefined, failure);
    closing.finish();
  }

  // ---- told by reading and writing ----

  onViolation(error: ProtocolError): void {
    const end = { code: error.closeCode, reason: error.message, wasClean: false };
    this.#startClosing().defer(() => this.#closeBy(end, error));
  }

  onCallbackError(error: unknown): void {
    this.report(error);
    this.lifetime.handlerFailed();
  }

  onReaderGone(): void {
    this.#lifetime?.onReaderGone();
  }

  onResumed(): void {
    this.liveness.onResumed();
  }

  onInputDone(): void {
    this.writing.onInputDone();
  }

  get readingPaused(): boolean {
    return this.reading.intake.paused;
  }

  get isParsing(): boolean {
    return this.reading.intake.parsing;
  }

  get inputLeft(): boolean {
    return this.reading.inputLeft;
  }

  onOverflow(): void {
    const reason = "too slow: send buffer full";
    this.#startClosing().send(CloseCode.tryAgainLater, reason);
    this.#endWith({ code: CloseCode.tryAgainLater, reason, wasClean: false }, this.writing.failure);
    this.transport.destroy();
  }

  onDeflated(): void {
    this.#closing?.endTransport();
  }

  /** The peer is lost: a deadline has passed for bytes that wait, or it has been silent for too long. */
  onPeerLost(error: Error): void {
    this.#endWith(ABNORMAL, error);
    this.#destroy(error); // a frame may have gone out in part: nothing can follow it
  }

  // ---- told by the transport ----

  onBytes(chunk: Buffer, end: number): void {
    this.liveness.onReceived();
    this.reading.intake.receive(chunk, end);
  }

  onEnd(): void {
    const closing = this.#startClosing();
    closing.runDeferred();
    this.#endpoint.transportEnded();
    this.#endWith(ABNORMAL, undefined);
    closing.peerEnded = true;
    this.writing.refuse(() => writeOnClosed(undefined));
    closing.finish();
  }

  onWritten(): void {
    this.writing.onWritten();
    this.#closing?.endTransport();
  }

  onClosed(error: Error | undefined): void {
    if (this.#transportClosed) return;
    this.#transportClosed = true;
    this.#closing?.runDeferred();
    this.#endpoint.transportEnded();
    this.#closing?.limit(Infinity);
    this.#endWith(ABNORMAL, error);
    this.writing.fail(() => writeOnClosed(error));
    if (this.#end !== undefined) this.#ending?.onClosed(this.#end);
    let listener = this.#closedListener;
    for (; listener !== undefined; listener = listener.nextListener) listener.onClosed();
  }
}
