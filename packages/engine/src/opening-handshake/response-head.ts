/**
 * The head of an HTTP/1.1 response, parsed line by line as it arrives. RFC 9112 §2-§5.
 *
 * A parser of its own, not node:http's, because a client opens one connection for one answer and wants more of it: a
 * limit that no process-wide setting moves, interim responses counted against it, a 101 without an Upgrade header shown
 * for what it is (node:http takes it for an interim response and stumbles over the frames behind), the same rules for
 * the answer of a proxy, and any Duplex under it. Nothing is lenient here: a bare LF, a folded line or a space before
 * a colon ends the handshake.
 */

import { HandshakeError } from "../errors.ts";
import { isToken, showText, tokenEnd } from "../extensions/header-text.ts";
import { badCharacter } from "./header-fields.ts";

/** A whole response head, interim responses before it included, may have so many bytes. */
export const MAX_RESPONSE_HEAD_BYTES = 65_536;

/** node:http's `IncomingMessage` has this shape. */
export interface ReceivedHead {
  /** "1.1" or "1.0" */
  readonly httpVersion: string;
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Names in lower case; several lines joined by ", ", those of Set-Cookie as an array. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Name, value, name, value, … as received. */
  readonly rawHeaders: readonly string[];
}

const LF = 0x0a;
const CR = 0x0d;
const FIRST_CAPACITY_BYTES = 1024;
const STATUS_LINE_START = "HTTP/1.";
const SWITCHING_PROTOCOLS = 101;

interface StatusLine {
  readonly httpVersion: string;
  readonly statusCode: number;
  readonly statusMessage: string;
}

function malformed(problem: string): HandshakeError {
  return new HandshakeError(0, `response cannot be parsed: ${problem}`);
}

function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

/** status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last space is left out by some servers. */
function parseStatusLine(line: string): StatusLine {
  const protocol = line.slice(0, "HTTP/1.1 ".length);
  const code = line.slice(9, 12);
  const statusMessage = line.slice(13);
  const wellFormed =
    (protocol === "HTTP/1.1 " || protocol === "HTTP/1.0 ") &&
    code.length === 3 &&
    isDigits(code) &&
    !code.startsWith("0") &&
    (line.length === 12 || line[12] === " ") &&
    badCharacter(statusMessage) === -1;
  if (!wellFormed) throw malformed(`expected an HTTP/1.1 status line, got ${showText(line)}`);
  return { httpVersion: protocol.slice(5, 8), statusCode: Number(code), statusMessage };
}

function isSpace(text: string, at: number): boolean {
  return text[at] === " " || text[at] === "\t";
}

/** field-line = field-name ":" OWS field-value OWS. */
function parseFieldLine(line: string): readonly [name: string, value: string] {
  const colon = tokenEnd(line, 0);
  let start = colon + 1;
  let end = line.length;
  while (start < end && isSpace(line, start)) start++;
  while (end > start && isSpace(line, end - 1)) end--;
  const name = line.slice(0, colon);
  const value = line.slice(start, end);
  if (!isToken(name) || line[colon] !== ":" || badCharacter(value) !== -1) {
    throw malformed(`expected a header line, got ${showText(line)}`);
  }
  return [name, value];
}

/** Joins the lines of each name as node:http does, but for the names of which it keeps the first alone. */
function joinHeaders(rawHeaders: readonly string[]): Record<string, string | string[]> {
  // Without a prototype: names come from the peer.
  const headers = Object.create(null) as Record<string, string | string[]>;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    const value = rawHeaders[at + 1]!;
    const before = headers[name];
    if (Array.isArray(before)) before.push(value);
    else if (name === "set-cookie") headers[name] = [value];
    else headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}

export class ResponseHeadParser {
  #bytes: Buffer = Buffer.alloc(FIRST_CAPACITY_BYTES);
  #length = 0;
  #lineStart = 0;
  #searched = 0;
  #status: StatusLine | undefined;
  #rawHeaders: string[] = [];

  /**
   * Takes the next bytes.
   *
   * @returns The head once it is complete, with what stood behind it in `chunk`.
   * @throws HandshakeError WS_BAD_HANDSHAKE when this is no response, or one with more than 64 KiB of head.
   */
  push(chunk: Buffer): { readonly head: ReceivedHead; readonly rest: Buffer } | undefined {
    this.#append(chunk);
    for (;;) {
      const lineEnd = this.#bytes.subarray(0, this.#length).indexOf(LF, this.#searched);
      if (lineEnd === -1) {
        this.#searched = this.#length;
        this.#checkLength(this.#length);
        if (this.#status === undefined) this.#checkStart();
        return undefined;
      }
      this.#checkLength(lineEnd + 1);
      const head = this.#takeLine(this.#lineStart, lineEnd);
      this.#lineStart = lineEnd + 1;
      this.#searched = lineEnd + 1;
      if (head !== undefined) {
        const rest = chunk.subarray(chunk.length - (this.#length - this.#searched));
        return { head, rest };
      }
    }
  }

  #append(chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    chunk.copy(this.#bytes, this.#length);
    this.#length = needed;
  }

  #checkLength(bytes: number): void {
    if (bytes > MAX_RESPONSE_HEAD_BYTES) {
      throw malformed(`its head is longer than ${MAX_RESPONSE_HEAD_BYTES} bytes`);
    }
  }

  /** What is no HTTP is told at once: a server of another protocol may never send a line end. */
  #checkStart(): void {
    const start = this.#bytes.toString("latin1", this.#lineStart, this.#length);
    if (!STATUS_LINE_START.startsWith(start.slice(0, STATUS_LINE_START.length))) {
      throw malformed(`expected an HTTP/1.1 status line, got ${showText(start)}`);
    }
  }

  #takeLine(start: number, lineEnd: number): ReceivedHead | undefined {
    if (lineEnd === start || this.#bytes[lineEnd - 1] !== CR) {
      throw malformed("a line ends in LF without CR");
    }
    const line = this.#bytes.toString("latin1", start, lineEnd - 1);
    if (this.#status === undefined) this.#status = parseStatusLine(line);
    else if (line !== "") this.#rawHeaders.push(...parseFieldLine(line));
    else return this.#endHead(this.#status);
    return undefined;
  }

  #endHead(status: StatusLine): ReceivedHead | undefined {
    const rawHeaders = this.#rawHeaders;
    // "A client MUST be able to parse one or more 1xx responses received prior to a final response" RFC 9110 §15.2
    if (status.statusCode < 200 && status.statusCode !== SWITCHING_PROTOCOLS) {
      this.#status = undefined;
      this.#rawHeaders = [];
      return undefined;
    }
    return { ...status, rawHeaders, headers: joinHeaders(rawHeaders) };
  }
}
