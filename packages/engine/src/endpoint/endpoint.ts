/** An endpoint without its socket: received bytes in, messages out; messages in, bytes to send out (RFC 6455 §5-§7). */

import type { MessageDeflate } from "../extensions/message-deflate.ts";
import { parseClosePayload, serializeClosePayload } from "../framing/close-payload.ts";
import { giveBatch, MAX_COPIED_PAYLOAD_BYTES, takeBatch } from "../framing/frame-batch.ts";
import type { FrameBatch } from "../framing/frame-batch.ts";
import { firstByte } from "../framing/frame-serializer.ts";
import type { Role } from "../framing/frame.ts";
import { Opcode } from "../framing/opcode.ts";
import type { ControlOpcode } from "../framing/opcode.ts";
import type { DataType } from "../messages/message.ts";
import type { AssemblerOwner } from "../messages/message-assembler.ts";
import { giveDecoder, takeDecoder } from "../messages/message-decoder.ts";
import type { MessageDecoder } from "../messages/message-decoder.ts";
import type { PreparedMessage } from "../messages/prepared-message.ts";
import { nextClosingState } from "./closing-handshake.ts";
import type { ClosingState } from "./closing-handshake.ts";

/** What an endpoint tells its owner, always inside a call of {@link Endpoint.receive}. */
export interface EndpointEvents {
  onMessage(type: DataType, data: Buffer): void;
  onMessageStart(type: DataType, compressed: boolean): void;
  onMessagePiece(piece: Buffer, last: boolean): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  /** The peer's close frame; `code` is 1005 when it had none. Nothing is received after it. */
  onClose(code: number, reason: string): void;
}

export interface EndpointInit {
  readonly role: Role;
  readonly readLimit: number;
  /** Set when permessage-deflate has been negotiated. */
  readonly deflate?: MessageDeflate | undefined;
  readonly events: EndpointEvents;
}

export class Endpoint implements AssemblerOwner {
  readonly #role: Role;
  readonly #events: EndpointEvents;
  /** While a message of the peer is under way. */
  #decoder: MessageDecoder | undefined;
  /** While frames wait to be written. */
  #output: FrameBatch | undefined;
  /** Compression, when it has been negotiated. */
  readonly deflate: MessageDeflate | undefined;
  /** Longest message in bytes, after inflating; counts from the next frame on. */
  readLimit: number;
  /**
   * Gives whole messages in memory that is used again when {@link EndpointEvents.onMessage} has returned; who keeps
   * them longer takes them by `keepBytes`.
   */
  lends = false;
  /** Messages are given in pieces. */
  streaming = false;
  /** Only control frames are looked at. */
  discarding = false;
  #state: ClosingState = "open";
  #deaf = false;

  constructor(init: EndpointInit) {
    this.#role = init.role;
    this.#events = init.events;
    this.deflate = init.deflate;
    this.readLimit = init.readLimit;
  }

  get state(): ClosingState {
    return this.#state;
  }

  /** Bytes retained for an unfinished message. */
  get storedBytes(): number {
    return this.#decoder?.assembler.storedBytes ?? 0;
  }

  /** Gives messages in pieces from now on, beginning with what is there of an unfinished one. */
  startStreaming(): void {
    this.streaming = true;
    this.#decoder?.assembler.streamUnfinished();
  }

  /** Gives whole messages again, beginning with the next one that starts. */
  stopStreaming(): void {
    this.streaming = false;
  }

  /** From now on only control frames are looked at; nothing of a message is kept or inflated. */
  discardData(): void {
    this.discarding = true;
    this.#decoder?.assembler.dropStore();
  }

  /**
   * Takes the received bytes `chunk[from, end)`; returns the index that it came to, less than `end` when
   * {@link stop} was called meanwhile. After a close frame or an error everything is ignored.
   *
   * @throws ProtocolError when the peer broke a rule or a limit.
   */
  receive(chunk: Buffer, from: number, end: number = chunk.length): number {
    if (this.#deaf) return end;
    const decoder = (this.#decoder ??= takeDecoder(this.#role, this.deflate !== undefined, this));
    const isNested = decoder.isParsing;
    decoder.isParsing = true;
    try {
      const at = decoder.parser.push(chunk, from, end);
      decoder.isParsing = isNested;
      if (!isNested && giveDecoder(decoder)) this.#decoder = undefined;
      // "After sending a control frame indicating the connection should be closed, ... the peer ... discards
      // any further data received" §1.4
      return this.#deaf ? end : at;
    } catch (error) {
      decoder.isParsing = isNested;
      this.#deaf = true;
      throw error;
    }
  }

  /** Makes a running {@link receive} return after what it is at. */
  stop(): void {
    this.#decoder?.parser.stop();
  }

  /** Ignores everything that is received from now on. */
  stopListening(): void {
    this.#deaf = true;
    this.#decoder?.parser.stop();
  }

  /**
   * Queues a whole data message as one frame: Safari 15 fails on fragmented compressed messages.
   *
   * @param compress - Compress it where that has been negotiated and the message is long enough.
   */
  sendMessage(type: DataType, payload: Uint8Array | string, compress: boolean): void {
    const { deflate } = this;
    if (deflate !== undefined && compress && deflate.applies(byteLength(payload))) {
      const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
      const compressed = deflate.deflate(bytes);
      // The batch copies what is short; the rest would change with the next message.
      const isCopied = compressed.length <= MAX_COPIED_PAYLOAD_BYTES;
      this.sendCompressed(type, isCopied ? compressed : Buffer.from(compressed));
      return;
    }
    this.#openOutput().append(firstByte(true, false, type), payload);
  }

  /** Queues a whole data message that has been compressed for this connection. */
  sendCompressed(type: DataType, compressed: Uint8Array): void {
    this.#openOutput().append(firstByte(true, true, type), compressed);
  }

  /** Prepared messages go out as frames that other connections send too. */
  get sharesPrepared(): boolean {
    return this.#role === "server";
  }

  /** Queues a prepared data message: as one shared frame on a server, freshly masked on a client (§5.3). */
  sendPrepared(message: PreparedMessage): void {
    const { deflate } = this;
    const type = message.type as DataType; // control types take other ways
    if (!this.sharesPrepared) this.sendMessage(type, message.payload, true);
    else if (deflate?.applies(message.payload.length) === true) {
      this.#openOutput().appendShared(message.compressedServerFrame(deflate));
      deflate.sentShared(message.payload);
    } else this.#openOutput().appendShared(message.serverFrame);
  }

  /** Queues one frame of a message: `opcode` is the continuation for all but its first one. */
  sendFragment(
    opcode: DataType | typeof Opcode.continuation,
    payload: Uint8Array,
    fin: boolean,
    compressed: boolean,
  ): void {
    this.#openOutput().append(firstByte(fin, compressed, opcode), payload);
  }

  /** Queues a ping or pong; at most 125 bytes, which the caller has checked. */
  sendControl(opcode: typeof Opcode.ping | typeof Opcode.pong, payload: Uint8Array): void {
    this.#openOutput().append(firstByte(true, false, opcode), payload);
  }

  /**
   * Queues a close frame. "MUST NOT send any more data frames after sending a Close frame" §5.5.1: its owner sees to that.
   *
   * @throws RangeError for a code that must not be sent or a reason that is too long.
   */
  sendClose(code: number, reason: string): void {
    this.#openOutput().append(
      firstByte(true, false, Opcode.close),
      serializeClosePayload(code, reason),
    );
    this.#state = nextClosingState(this.#state, "send-close");
  }

  /** Queues whole frames that many connections share, by reference however short they are. */
  sendFrames(frames: Uint8Array): void {
    this.#openOutput().appendShared(frames);
  }

  /** Queues a copy of whole frames. */
  sendCopyOfFrames(frames: Uint8Array): void {
    this.#openOutput().appendFrames(frames);
  }

  #openOutput(): FrameBatch {
    return (this.#output ??= takeBatch(this.#role));
  }

  /** Bytes of all frames that wait to be written. */
  get outputBytes(): number {
    return this.#output?.byteLength ?? 0;
  }

  /** Takes these out, as pieces in order. {@link settleOutput} must follow once they have been handed on. */
  takeOutput(): Uint8Array[] {
    return this.#output?.take() ?? [];
  }

  /** @param written - Nobody will read the pieces that {@link takeOutput} gave any more. */
  settleOutput(written: boolean): void {
    this.#output?.settle(written);
    if (this.#output?.byteLength === 0) this.#giveOutput(this.#output);
  }

  /** Drops all frames that wait to be written. */
  clearOutput(): void {
    this.#output?.clear();
    if (this.#output !== undefined) this.#giveOutput(this.#output);
  }

  #giveOutput(output: FrameBatch): void {
    this.#output = undefined;
    giveBatch(this.#role, output);
  }

  transportEnded(): void {
    this.#state = nextClosingState(this.#state, "transport-end");
  }

  onMessage(type: DataType, data: Buffer): void {
    this.#events.onMessage(type, data);
  }

  onMessageStart(type: DataType, compressed: boolean): void {
    this.#events.onMessageStart(type, compressed);
  }

  onMessagePiece(piece: Buffer, last: boolean): void {
    this.#events.onMessagePiece(piece, last);
  }

  onControl(opcode: ControlOpcode, payload: Buffer): void {
    if (opcode === Opcode.ping) {
      this.#events.onPing(payload);
      return;
    }
    if (opcode === Opcode.pong) {
      this.#events.onPong(payload);
      return;
    }
    const { code, reason } = parseClosePayload(payload);
    this.#state = nextClosingState(this.#state, "receive-close");
    this.stopListening();
    this.#events.onClose(code, reason);
  }
}

function byteLength(payload: Uint8Array | string): number {
  return typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
}
