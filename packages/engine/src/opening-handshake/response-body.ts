/** The first bytes of a response body, taken out of its framing. RFC 9112 §6, §7.1. */

import { hasToken, headerValues } from "./header-fields.ts";
import type { ReceivedHead } from "./response-head.ts";

const CR = 0x0d;
const LF = 0x0a;
/** A chunk's size and extensions; a longer line ends the body. */
const MAX_SIZE_LINE_BYTES = 256;

const CHUNK_SIZE = 0;
const CHUNK_DATA = 1;
const CHUNK_END = 2;

/** Reads digits as a number; 0, the end of a body, for everything that is none or above 9 digits. */
function parseSize(text: string, radix: 10 | 16): number {
  const digits = radix === 10 ? "0123456789" : "0123456789abcdefABCDEF";
  for (let at = 0; at < text.length; at++) if (!digits.includes(text.charAt(at))) return 0;
  return text === "" || text.length > 9 ? 0 : Number.parseInt(text, radix);
}

function contentLength(head: ReceivedHead): number {
  const [text, second] = headerValues(head.rawHeaders, "Content-Length");
  if (text === undefined) return Infinity; // to the end of the connection
  return second === undefined ? parseSize(text, 10) : 0;
}

/** chunk-size [ chunk-ext ], RFC 9112 §7.1. */
function chunkSize(line: string): number {
  const extension = line.indexOf(";");
  return parseSize((extension === -1 ? line : line.slice(0, extension)).trimEnd(), 16);
}

/**
 * Collects at most `limit` bytes of a body. What is wrong with the body ends it: it accompanies a refusal, and is shown
 * as far as it came.
 */
export class ResponseBody {
  readonly #kept: Buffer;
  #length = 0;
  /** Bytes to come of a body that is not chunked, or of the present chunk. */
  #remaining: number;
  /** `undefined` when the body is not chunked. */
  #awaiting: typeof CHUNK_SIZE | typeof CHUNK_DATA | typeof CHUNK_END | undefined;
  #sizeLine = "";
  #ended = false;

  constructor(head: ReceivedHead, limit: number) {
    this.#kept = Buffer.alloc(limit); // not a slice of Node's pool: an error may be kept for long
    const chunked = hasToken(headerValues(head.rawHeaders, "Transfer-Encoding"), "chunked");
    this.#awaiting = chunked ? CHUNK_SIZE : undefined;
    this.#remaining = chunked ? 0 : contentLength(head);
    const { statusCode } = head;
    if (statusCode < 200 || statusCode === 204 || statusCode === 304) this.#ended = true;
  }

  /** Nothing more comes, or nothing more is kept. */
  get complete(): boolean {
    return (
      this.#ended ||
      this.#length === this.#kept.length ||
      (this.#awaiting === undefined && this.#remaining === 0)
    );
  }

  /** What has come so far. */
  get bytes(): Buffer {
    return this.#kept.subarray(0, this.#length);
  }

  /** Takes the next bytes. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.complete) {
      if (this.#awaiting === undefined || this.#awaiting === CHUNK_DATA) {
        at += this.#keep(chunk.subarray(at));
        if (this.#awaiting === CHUNK_DATA && this.#remaining === 0) this.#awaiting = CHUNK_END;
      } else this.#takeLineByte(chunk[at++]!);
    }
  }

  #keep(bytes: Buffer): number {
    const count = Math.min(bytes.length, this.#remaining, this.#kept.length - this.#length);
    bytes.copy(this.#kept, this.#length, 0, count);
    this.#length += count;
    this.#remaining -= count;
    return count;
  }

  /** A size line before the data of a chunk, an empty line behind it. */
  #takeLineByte(byte: number): void {
    if (byte !== LF) {
      this.#sizeLine += String.fromCharCode(byte);
      if (this.#sizeLine.length > MAX_SIZE_LINE_BYTES) this.#ended = true;
      return;
    }
    const line = this.#sizeLine;
    this.#sizeLine = "";
    if (line.charCodeAt(line.length - 1) !== CR) this.#ended = true;
    else if (this.#awaiting === CHUNK_SIZE) this.#beginChunk(chunkSize(line.slice(0, -1)));
    else if (line.length > 1) this.#ended = true;
    else this.#awaiting = CHUNK_SIZE;
  }

  #beginChunk(size: number): void {
    this.#remaining = size;
    this.#awaiting = CHUNK_DATA;
    // The last chunk, or one that nobody can measure. Trailers are of no interest.
    if (size === 0) this.#ended = true;
  }
}
