/** A text or binary message (RFC 6455 §5.6). */

import type { Opcode } from "../framing/opcode.ts";
import { decodeUtf8 } from "../framing/utf8.ts";
import { WebSocketError } from "../errors.ts";

/** gorilla's message types, which are the opcodes of RFC 6455 §5.2. */
export const MessageType = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Type of a message that carries data. */
export type DataType = typeof Opcode.text | typeof Opcode.binary;

/** Checks a parsed JSON value and gives what the route promised, or throws `ValidationError`. */
export type MessageCheck<In> = (value: unknown) => In;

/** One received message. */
export class Message<In = unknown> {
  readonly type: DataType;
  /**
   * The payload. It is the reader's own: the engine neither keeps nor changes it. Under `reuseMemory` of
   * `conn.forEach` it is valid until the callback returns, and undefined afterwards.
   */
  readonly data: Buffer;
  /** Messages that came directly before this one and were dropped, because nobody read for too long. */
  readonly dropped: number;
  readonly #check: MessageCheck<In> | undefined;
  #text: string | undefined;

  constructor(type: DataType, data: Buffer, dropped = 0, check?: MessageCheck<In>) {
    this.type = type;
    this.data = data;
    this.dropped = dropped;
    this.#check = check;
  }

  /**
   * Decodes the payload as UTF-8, once.
   *
   * @throws TypeError when the payload's memory has been used again.
   */
  text(): string {
    return (this.#text ??= decodeUtf8(this.data ?? failReleased()));
  }

  /**
   * Parses the payload as JSON, whichever the message's type, and checks it when the route has a schema.
   *
   * @throws WebSocketError `WS_JSON_INVALID`; ValidationError `WS_VALIDATION`.
   */
  json(): In {
    const value = parseJSON(this.text());
    // Without a schema In is what the caller says it is.
    return this.#check === undefined ? (value as In) : this.#check(value);
  }

  /** @internal Its memory is used again: what it has been decoded to stays. */
  release(): void {
    (this as { data: Buffer | undefined }).data = undefined;
  }
}

function failReleased(): never {
  throw new TypeError(
    "the message's memory has been used again: under reuseMemory it is read before the callback returns",
  );
}

function parseJSON(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WebSocketError("WS_JSON_INVALID", `message is not JSON: ${reason}`, { cause });
  }
}
