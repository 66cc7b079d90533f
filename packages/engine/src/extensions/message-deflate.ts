/** permessage-deflate on one connection: both windows, and what is compressed (RFC 7692 §6, §7.2). */

import { CloseCode } from "../close-code.ts";
import { ProtocolError } from "../errors.ts";
import type { ResolvedCompression } from "./compression-options.ts";
import { TAIL_BYTES } from "./deflate-codec.ts";
import type { DeflateCodec } from "./deflate-codec.ts";
import type { NegotiatedDeflate } from "./deflate-offer.ts";
import { EMPTY_BLOCK, PieceDeflater } from "./piece-deflater.ts";
import { SlidingWindow } from "./sliding-window.ts";

export class MessageDeflate {
  readonly #codec: DeflateCodec;
  readonly #memLevel: number;
  readonly #threshold: number;
  readonly #outgoingBits: number;
  readonly #incomingBits: number;
  /** Plaintext of earlier messages; `undefined` without context takeover. */
  readonly #outgoing: SlidingWindow | undefined;
  readonly #incoming: SlidingWindow | undefined;
  /** -2 to 9, as zlib's. */
  level: number;
  /** Off: messages go out plain from the next one on. */
  enabled = true;

  constructor(
    role: "server" | "client",
    negotiated: NegotiatedDeflate,
    options: ResolvedCompression,
    codec: DeflateCodec,
  ) {
    const isServer = role === "server";
    this.#codec = codec;
    this.level = options.level;
    this.#memLevel = options.memLevel;
    this.#threshold = options.threshold;
    this.#outgoingBits = isServer ? negotiated.serverMaxWindowBits : negotiated.clientMaxWindowBits;
    this.#incomingBits = isServer ? negotiated.clientMaxWindowBits : negotiated.serverMaxWindowBits;
    const outgoingAlone = isServer
      ? negotiated.serverNoContextTakeover
      : negotiated.clientNoContextTakeover;
    const incomingAlone = isServer
      ? negotiated.clientNoContextTakeover
      : negotiated.serverNoContextTakeover;
    if (!outgoingAlone) this.#outgoing = new SlidingWindow(2 ** this.#outgoingBits);
    if (!incomingAlone) this.#incoming = new SlidingWindow(2 ** this.#incomingBits);
  }

  // ---- out ----

  /** A message of `length` bytes is compressed. One that is not stays out of the window, so nobody need know it. */
  applies(length: number): boolean {
    return this.enabled && length >= this.#threshold;
  }

  /** Names all that the compressed bytes of a shared message depend on. */
  get sharedKey(): string {
    return `${this.level}/${this.#outgoingBits}/${this.#memLevel}`;
  }

  /** Compresses a whole message for this connection. The result is valid until the next call of any connection. */
  deflate(message: Uint8Array): Buffer {
    if (message.length === 0) return EMPTY_BLOCK;
    const blocks = this.#deflateBlocks(message, this.#outgoing?.dictionary);
    this.#outgoing?.append(message);
    return blocks.subarray(0, blocks.length - TAIL_BYTES);
  }

  /** Begins a message that comes in pieces. No other may be compressed for this connection until it is complete. */
  deflatePieces(): PieceDeflater {
    const window = this.#outgoing ?? new SlidingWindow(2 ** this.#outgoingBits);
    return this.#pieceDeflater(window);
  }

  /**
   * Compresses a message without reference to earlier ones, so that any connection with the same key can send it.
   * The result is valid as that of {@link deflate}.
   */
  deflateShared(message: Uint8Array): Buffer {
    if (message.length === 0) return EMPTY_BLOCK;
    const blocks = this.#deflateBlocks(message, undefined);
    return blocks.subarray(0, blocks.length - TAIL_BYTES);
  }

  /** Begins a shared message that comes in pieces. */
  deflateSharedPieces(): PieceDeflater {
    return this.#pieceDeflater(new SlidingWindow(2 ** this.#outgoingBits));
  }

  /** Tells that a shared message goes out: the peer's window has it from now on. */
  sentShared(message: Uint8Array): void {
    this.#outgoing?.append(message);
  }

  #deflateBlocks(bytes: Uint8Array, dictionary: Uint8Array | undefined): Buffer {
    return this.#codec.deflate(bytes, {
      level: this.level,
      memLevel: this.#memLevel,
      windowBits: this.#outgoingBits,
      dictionary,
    });
  }

  #pieceDeflater(window: SlidingWindow): PieceDeflater {
    return new PieceDeflater(
      this.#codec,
      { level: this.level, memLevel: this.#memLevel, windowBits: this.#outgoingBits },
      window,
    );
  }

  // ---- in ----

  /** Window of the peer's messages, 8-15. */
  get incomingBits(): number {
    return this.#incomingBits;
  }

  /** Plaintext that the peer's next message may refer to; valid until {@link received}. */
  get incomingDictionary(): Buffer | undefined {
    return this.#incoming?.dictionary;
  }

  /** Tells plaintext that has been inflated elsewhere. */
  received(plaintext: Uint8Array): void {
    this.#incoming?.append(plaintext);
  }

  /**
   * Gives the plaintext of a whole message; `undefined` when it is longer than `limit`.
   *
   * @throws ProtocolError `WS_DEFLATE_INVALID` with 1007.
   */
  inflate(payload: Uint8Array, limit: number): Buffer | undefined {
    if (payload.length === 0) return Buffer.alloc(0);
    try {
      const settings = {
        windowBits: this.#incomingBits,
        dictionary: this.#incoming?.dictionary,
        limit,
      };
      const message = this.#codec.inflate(payload, settings);
      if (message !== undefined) this.#incoming?.append(message);
      return message;
    } catch (cause) {
      throw invalidDeflate(cause);
    }
  }
}

/** The error for data that does not inflate. */
export function invalidDeflate(cause: unknown): ProtocolError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ProtocolError(
    "WS_DEFLATE_INVALID",
    CloseCode.invalidPayload,
    `compressed message does not inflate: ${reason}`,
    { cause },
  );
}
