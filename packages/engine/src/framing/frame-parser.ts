/** Frame parser: received bytes in, frames out to a sink (RFC 6455 §5.2). */

import { CloseCode } from "../close-code.ts";
import { ProtocolError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import {
  FIN_BIT,
  MASK_BIT,
  MAX_CONTROL_PAYLOAD_BYTES,
  MAX_HEADER_BYTES,
  OPCODE_BITS,
  RSV1_BIT,
  RSV2_RSV3_BITS,
} from "./frame.ts";
import type { Role } from "./frame.ts";
import { applyMask } from "./masking.ts";
import { isControl, isKnownOpcode, Opcode } from "./opcode.ts";

/** Takes what the parser finds. Either method may throw to fail the connection. */
export interface FrameSink {
  /** A frame begins. Its header has been checked; `length` is that of its payload in bytes. */
  onFrame(fin: boolean, rsv1: boolean, opcode: Opcode, length: number): void;
  /**
   * The next piece of its payload, unmasked, at `chunk[start, end)`.
   * Called at least once a frame, with an empty piece when there is no payload.
   * `ascii`: it was seen to be ASCII on the way; false tells nothing.
   * The parser never writes there again; the next read does when the chunk is `readMemory`.
   */
  onPayload(chunk: Buffer, start: number, end: number, last: boolean, ascii: boolean): void;
}

// FIXED_HEADER -> HEADER_REST -> PAYLOAD -> FIXED_HEADER
const HEADER = 0;
const PAYLOAD = 1;

export class FrameParser {
  readonly #sink: FrameSink;
  #masked = false;
  #rsv1Allowed = false;
  #state = HEADER;
  #stopped = false;

  // A header that comes in pieces is collected here; most connections never have one.
  #header: Uint8Array | undefined;
  #headerLength = 0;

  #maskingKey = 0;
  #payloadLength = 0;
  #payloadReceived = 0;

  /** @param rsv1Allowed - An extension that uses RSV1 has been negotiated (§5.2, RFC 7692 §6). */
  constructor(role: Role, rsv1Allowed: boolean, sink: FrameSink) {
    this.#sink = sink;
    this.setSide(role, rsv1Allowed);
  }

  /** Parses for this side from now on; between two frames only. */
  setSide(role: Role, rsv1Allowed: boolean): void {
    // "a server MUST close the connection upon receiving a frame that is not masked" and
    // "A client MUST close a connection if it detects a masked frame" §5.1
    this.#masked = role === "server";
    this.#rsv1Allowed = rsv1Allowed;
  }

  /** A frame, or its header, has begun and not ended. */
  get isInsideFrame(): boolean {
    return this.#state === PAYLOAD || this.#headerLength > 0;
  }

  /** Makes a running {@link push} return as soon as the sink's current call does. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Parses `chunk[from, end)`, unmasking payloads in place, and returns the index that it came to:
   * `end`, or less when {@link stop} was called. The rest is to be pushed again later.
   *
   * @throws ProtocolError when the peer broke a rule; the parser must not be used after that.
   */
  push(chunk: Buffer, from: number, end: number = chunk.length): number {
    this.#stopped = false;
    let at = from;
    while (at < end && !this.#stopped) {
      at =
        this.#state === HEADER
          ? this.#readHeader(chunk, at, end)
          : this.#readPayload(chunk, at, end);
    }
    return at;
  }

  #readHeader(chunk: Buffer, at: number, end: number): number {
    if (this.#headerLength > 0 || end - at < 2) return this.#collectHeader(chunk, at, end);
    const size = this.#headerSize(chunk[at]!, chunk[at + 1]!);
    if (end - at < size) return this.#collectHeader(chunk, at, end);
    this.#beginFrame(chunk, at, size);
    const next = at + size;
    // The payload right here, without another turn of the loop; an empty one needs this too.
    return this.#payloadLength === 0 || next < end ? this.#readPayload(chunk, next, end) : next;
  }

  /** The slow way, for a header that lies in two chunks or more: faults are found at the earliest byte. */
  #collectHeader(chunk: Buffer, from: number, end: number): number {
    const header = (this.#header ??= new Uint8Array(MAX_HEADER_BYTES));
    let at = from;
    while (at < end) {
      header[this.#headerLength++] = chunk[at++]!;
      if (this.#headerLength < 2) {
        this.#checkFirstByte(header[0]!);
        continue;
      }
      const size = this.#headerSize(header[0]!, header[1]!);
      const short = header[1]! & 0x7f;
      // Checked before the masking key: a peer that never sends it must not be waited for.
      if (short > 125 && this.#headerLength === size - this.#keyBytes()) {
        readExtendedLength(header, 2, short);
      }
      if (this.#headerLength < size) continue;
      this.#headerLength = 0;
      this.#beginFrame(header, 0, size);
      return this.#payloadLength === 0 ? this.#readPayload(chunk, at, end) : at;
    }
    return at;
  }

  #checkFirstByte(first: number): void {
    const opcode = first & OPCODE_BITS;
    // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values" §5.2
    if ((first & RSV2_RSV3_BITS) !== 0) {
      throw violation(
        "WS_RSV_UNEXPECTED",
        `RSV2 or RSV3 set in header byte 0x${first.toString(16)}`,
      );
    }
    // "If an unknown opcode is received, the receiving endpoint MUST Fail the WebSocket Connection" §5.2
    if (!isKnownOpcode(opcode)) throw violation("WS_OPCODE_UNKNOWN", `unknown opcode ${opcode}`);
    if (
      (first & RSV1_BIT) !== 0 &&
      (!this.#rsv1Allowed || isControl(opcode) || opcode === Opcode.continuation)
    ) {
      // RFC 7692 §6: RSV1 marks the first fragment of a compressed message, nothing else.
      throw violation("WS_RSV_UNEXPECTED", `RSV1 set on a frame with opcode ${opcode}`);
    }
    if (isControl(opcode) && (first & FIN_BIT) === 0) {
      // "All control frames ... MUST NOT be fragmented" §5.5
      throw violation("WS_CONTROL_FRAGMENTED", `control frame with opcode ${opcode} without FIN`);
    }
  }

  #keyBytes(): number {
    return this.#masked ? 4 : 0;
  }

  /** Checks the two fixed bytes and returns the size of the whole header. */
  #headerSize(first: number, second: number): number {
    this.#checkFirstByte(first);
    const masked = (second & MASK_BIT) !== 0;
    if (masked !== this.#masked) {
      throw masked
        ? violation("WS_MASK_UNEXPECTED", "a server must not mask its frames")
        : violation("WS_MASK_MISSING", "a client must mask its frames");
    }
    const length = second & 0x7f;
    if (length > MAX_CONTROL_PAYLOAD_BYTES && isControl(first & OPCODE_BITS)) {
      throw violation("WS_CONTROL_TOO_LONG", "control frame with more than 125 bytes of payload");
    }
    return this.#keyBytes() + (length < 126 ? 2 : length === 126 ? 4 : 10);
  }

  #beginFrame(header: Uint8Array, at: number, size: number): void {
    const first = header[at]!;
    const short = header[at + 1]! & 0x7f;
    const length = short < 126 ? short : readExtendedLength(header, at + 2, short);
    if (this.#masked) {
      const key = at + size - 4;
      this.#maskingKey =
        (header[key]! << 24) |
        (header[key + 1]! << 16) |
        (header[key + 2]! << 8) |
        header[key + 3]!;
    }
    this.#payloadLength = length;
    this.#payloadReceived = 0;
    this.#state = PAYLOAD;
    this.#sink.onFrame(
      (first & FIN_BIT) !== 0,
      (first & RSV1_BIT) !== 0,
      (first & OPCODE_BITS) as Opcode, // checked in #checkFirstByte
      length,
    );
  }

  #readPayload(chunk: Buffer, start: number, chunkEnd: number): number {
    const missing = this.#payloadLength - this.#payloadReceived;
    const last = chunkEnd - start >= missing;
    const end = last ? start + missing : chunkEnd;
    const ascii =
      this.#masked &&
      end > start &&
      applyMask(chunk, start, end, this.#maskingKey, this.#payloadReceived);
    this.#payloadReceived += end - start;
    if (last) this.#state = HEADER;
    this.#sink.onPayload(chunk, start, end, last, ascii);
    return end;
  }
}

function readExtendedLength(header: Uint8Array, at: number, short: number): number {
  if (short === 126) {
    const length = (header[at]! << 8) | header[at + 1]!;
    // "the minimal number of bytes MUST be used to encode the length" §5.2
    if (length < 126) throw notMinimal(length, 16);
    return length;
  }
  const high =
    ((header[at]! << 24) | (header[at + 1]! << 16) | (header[at + 2]! << 8) | header[at + 3]!) >>>
    0;
  const low =
    ((header[at + 4]! << 24) |
      (header[at + 5]! << 16) |
      (header[at + 6]! << 8) |
      header[at + 7]!) >>>
    0;
  // "a 64-bit unsigned integer (the most significant bit MUST be 0)" §5.2
  if (high >= 0x8000_0000) {
    throw violation("WS_PAYLOAD_LENGTH_TOO_LARGE", "64-bit payload length with its top bit set");
  }
  if (high === 0 && low < 65_536) throw notMinimal(low, 64);
  // Above 2^53 the sum is inexact, and far above every limit that can be set, Infinity aside.
  if (high >= 0x20_0000) {
    throw new ProtocolError(
      "WS_PAYLOAD_LENGTH_TOO_LARGE",
      CloseCode.messageTooBig,
      "payload length of 2^53 bytes or more",
    );
  }
  return high * 0x1_0000_0000 + low;
}

function notMinimal(length: number, bits: number): ProtocolError {
  return violation("WS_PAYLOAD_LENGTH_NOT_MINIMAL", `payload length ${length} in ${bits} bits`);
}

function violation(code: ErrorCode, message: string): ProtocolError {
  return new ProtocolError(code, CloseCode.protocolError, message);
}
