/** The bytes between socket and parser: how much is parsed in one turn, what waits unparsed, when the socket pauses. */

import type { Endpoint } from "../endpoint/endpoint.ts";
import { ProtocolError } from "../errors.ts";
import { copyFromReadMemory, readMemory } from "../framing/read-memory.ts";
import type { Transport } from "../transport/transport.ts";

/** What the intake asks and tells the reading half. */
export interface IntakeOwner {
  /** There is room, or somebody waits: bytes may be parsed. */
  readonly wantsInput: boolean;
  onViolation(error: ProtocolError): void;
  /** A stretch of bytes has been parsed. */
  onParsed(): void;
  /** Reading from the socket goes on after a pause. */
  onResumed(): void;
}

// One wake-up handles at most this much, so that one connection can't hold up the others: a chunk of 256 KiB may
// hold 40,000 messages or inflate to 250 MiB.
const TURN_MESSAGES = 1024;
const TURN_BYTES = 1_048_576;

export class Intake {
  readonly #endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #owner: IntakeOwner;
  /** Received and not yet parsed, from `#backlogFrom` on: at most one read, and what TLS had under way. */
  #backlog: Buffer | undefined;
  #backlogFrom = 0;
  #flowing = false;
  #parsing = false;
  #nextTurnQueued = false;
  #turnMessages = 0;
  #turnBytes = 0;

  constructor(endpoint: Endpoint, transport: Transport, owner: IntakeOwner) {
    this.#endpoint = endpoint;
    this.#transport = transport;
    this.#owner = owner;
  }

  /** Reading from the socket is paused, so that the peer's pongs and its end can't be seen. */
  get paused(): boolean {
    return !this.#flowing;
  }

  get parsing(): boolean {
    return this.#parsing;
  }

  get hasBacklog(): boolean {
    return this.#backlog !== undefined;
  }

  /** Starts reading, with what has already been received. */
  start(head: Uint8Array): void {
    this.#flowing = true;
    if (head.length > 0) {
      const chunk = Buffer.allocUnsafeSlow(head.length); // a copy: unmasking writes into it
      chunk.set(head);
      this.receive(chunk, chunk.length);
    }
    if (this.#flowing) this.#transport.resume();
  }

  /** Takes `chunk[0, end)`, which may be overwritten afterwards. */
  receive(chunk: Buffer, end: number): void {
    if (this.#backlog !== undefined) {
      // Arrived after the pause (TLS does that): kept, not dispatched.
      const before = this.#backlog.subarray(this.#backlogFrom);
      this.#backlog = Buffer.concat([before, chunk.subarray(0, end)]);
      this.#backlogFrom = 0;
      return;
    }
    this.#turnMessages = 0;
    this.#turnBytes = 0;
    this.#parse(chunk, 0, end);
  }

  /** Counts a message against this turn, which may be over with it. */
  count(bytes: number): void {
    this.#turnMessages++;
    this.#turnBytes += bytes;
    if (this.#turnIsOver()) this.#endpoint.stop();
  }

  /** Goes on with what waits, where that is allowed, and pauses or resumes the socket. */
  pump(): void {
    if (this.#parsing || this.#nextTurnQueued) return;
    if (this.#backlog === undefined) this.#steer();
    else if (this.#mayParse()) this.#parse(this.#backlog, this.#backlogFrom, this.#backlog.length);
  }

  #parse(chunk: Buffer, from: number, end: number): void {
    this.#parsing = true;
    try {
      this.#keepRest(chunk, this.#endpoint.receive(chunk, from, end), end);
    } catch (error) {
      this.#backlog = undefined;
      if (!(error instanceof ProtocolError)) throw error;
      this.#owner.onViolation(error);
    } finally {
      this.#parsing = false;
    }
    this.#steer();
    this.#owner.onParsed();
    // Stopped for a reason that is gone by now: a callback of forEach has thrown, and what follows is to be dropped.
    if (this.#backlog !== undefined) this.pump();
  }

  #keepRest(chunk: Buffer, at: number, end: number): void {
    this.#backlogFrom = 0;
    if (at === end) this.#backlog = undefined;
    else if (chunk === readMemory) this.#backlog = copyFromReadMemory(at, end);
    else {
      this.#backlog = chunk;
      this.#backlogFrom = at;
    }
  }

  #mayParse(): boolean {
    return !this.#turnIsOver() && this.#owner.wantsInput;
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
        this.#owner.onResumed();
      } else this.#transport.pause();
    }
    if (!flow && this.#turnIsOver() && !this.#nextTurnQueued) {
      this.#nextTurnQueued = true;
      setImmediate(Intake.#onNextTurn, this);
    }
  }

  // One function for all connections.
  static readonly #onNextTurn = (intake: Intake): void => {
    intake.#nextTurnQueued = false;
    intake.#turnMessages = 0;
    intake.#turnBytes = 0;
    intake.pump();
  };
}
