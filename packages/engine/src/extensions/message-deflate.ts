/** permessage-deflate on one connection: both windows, and what is compressed (RFC 7692 §6, §7.2). */

import { CloseCode } from "../close-code.ts";
import { ProtocolError } from "../errors.ts";
import type { ResolvedCompression } from "./compression-options.ts";
import { TAIL_BYTES } from "./deflate-codec.ts";
import type { DeflateCodec } from "./deflate-codec.ts";
import type { NegotiatedDeflate } from "./deflate-offer.ts";
import { SlidingWindow } from "./sliding-window.ts";

// A shorter history is faster to load, and 1 KiB compresses JSON to 0.24 where the whole window gives 0.23.
const HISTORY_BYTES = 1024;

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
    if (!outgoingAlone)
      this.#outgoing = new SlidingWindow(Math.min(HISTORY_BYTES, 2 ** this.#outgoingBits));
    if (!incomingAlone) this.#incoming = new SlidingWindow(2 ** this.#incomingBits);
  }

  /** A message of `length` bytes is compressed. One that is not stays out of the window, so nobody need know it. */
  applies(length: number): boolean {
    return this.enabled && length >= this.#threshold;
  }

  /** Names all that the compressed bytes of a shared message depend on. */
  get sharedKey(): string {
    return `${this.level}/${this.#outgoingBits}/${this.#memLevel}`;
  }

  /** Compresses a whole message for this connection. */
  deflate(message: Uint8Array): Buffer {
    if (message.length === 0) return EMPTY_MESSAGE;
    const blocks = this.#deflateBlocks(message, this.#outgoing?.dictionary);
    this.#outgoing?.append(message);
    return blocks.subarray(0, blocks.length - TAIL_BYTES);
  }

  /** Compresses a message without reference to earlier ones, so that any connection with the same key can send it. */
  deflateShared(message: Uint8Array): Buffer {
    if (message.length === 0) return EMPTY_MESSAGE;
    const blocks = this.#deflateBlocks(message, undefined);
    return blocks.subarray(0, blocks.length - TAIL_BYTES);
  }

  /** Tells that a shared message goes out: the peer's window has it from now on. */
  sentShared(message: Uint8Array): void {
    this.#outgoing?.append(message);
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

  #deflateBlocks(bytes: Uint8Array, dictionary: Uint8Array | undefined): Buffer {
    return this.#codec.deflate(bytes, {
      level: this.level,
      memLevel: this.#memLevel,
      windowBits: this.#outgoingBits,
      dictionary,
    });
  }
}

/** "0x00" is the empty message: an empty block without its tail (§7.2.3.6). */
const EMPTY_MESSAGE = Buffer.from([0x00]);

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
