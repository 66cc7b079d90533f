/** Header fields of a request or response: every line of a name, token lists, and what may be sent. RFC 9110 §5. */

import {
  equalAsciiFold,
  isToken,
  showText,
  skipSpace,
  tokenEnd,
} from "../extensions/header-text.ts";

/** One header line as it goes over the wire. The name keeps its spelling. */
export type HeaderField = readonly [name: string, value: string];

/** Headers as callers give them: pairs (a `Headers` or `Map` too), or an object; an array is one line per element. */
export type HeaderInput =
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * What the opening handshake looks at in a request. node:http's `IncomingMessage` has this shape.
 * `rawHeaders` (name, value, name, value, …) because node's `headers` joins or drops duplicates.
 */
export interface RequestHead {
  readonly method?: string | undefined;
  /** The request target, RFC 9112 §3.2. */
  readonly url?: string | undefined;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly rawHeaders: readonly string[];
}

/** The values of all lines named `name`, in their order. */
export function headerValues(rawHeaders: readonly string[], name: string): readonly string[] {
  let values: string[] | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const line = rawHeaders[at];
    const value = rawHeaders[at + 1];
    if (line === undefined || value === undefined || !equalAsciiFold(line, name)) continue;
    if (values === undefined) values = [value]; // pushing into an empty array makes room for 17
    else values.push(value);
  }
  return values ?? NO_VALUES;
}

const NO_VALUES: readonly string[] = [];

/** A parsed `#token` list. */
export interface TokenList {
  readonly tokens: readonly string[];
  /** Some line held something else; what stood before it on that line was kept. */
  readonly malformed: boolean;
}

/**
 * Parses `#token` over all lines of a header (RFC 9110 §5.6.1). A line is abandoned at its first bad character, and
 * the token that this character touches does not count: `websocket/13` and `websocket x` are no `websocket`.
 * Empty elements are skipped: "A recipient MUST parse and ignore a reasonable number of empty list elements".
 */
export function parseTokenList(lines: readonly string[]): TokenList {
  const tokens: string[] = [];
  let malformed = false;
  for (const line of lines) {
    let at = skipSpace(line, 0);
    while (at < line.length) {
      const end = tokenEnd(line, at);
      const next = skipSpace(line, end);
      if (next < line.length && line[next] !== ",") {
        malformed = true;
        break;
      }
      if (end > at) tokens.push(line.slice(at, end));
      at = skipSpace(line, next + 1);
    }
  }
  return { tokens, malformed };
}

/** Tells whether a token list holds `token`, without regard to the case of A-Z. */
export function hasToken(lines: readonly string[], token: string): boolean {
  const [line] = lines;
  if (lines.length === 1 && line !== undefined && equalAsciiFold(line, token)) return true;
  return parseTokenList(lines).tokens.some((candidate) => equalAsciiFold(candidate, token));
}

/** Tells whether text holds a control character: line breaks, NUL, tab and the like. */
export function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/**
 * Index of the first character that cannot stand in a field-value (RFC 9110 §5.5), -1 when all can: not CR, LF, NUL or
 * another control character but the tab, and nothing above latin1.
 */
export function badCharacter(value: string): number {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code > 0xff || code === 0x7f || (code < 0x20 && code !== 0x09)) return at;
  }
  return -1;
}

function* lines(input: HeaderInput): Generator<readonly [unknown, unknown]> {
  if (Symbol.iterator in input) {
    yield* input;
    return;
  }
  for (const [name, value] of Object.entries(input)) {
    if (Array.isArray(value)) for (const one of value) yield [name, one];
    else if (value !== undefined) yield [name, value];
  }
}

const NO_FIELDS: readonly HeaderField[] = [];

/**
 * Checks headers that are to be sent, and lists them line by line.
 *
 * @param reserved - Names in lower case that the handshake itself sets, each with what to do instead.
 * @throws TypeError when a name is no token or reserved, or when a value could break out of its line.
 */
export function outgoingHeaders(
  input: HeaderInput | undefined,
  reserved: ReadonlyMap<string, string>,
): readonly HeaderField[] {
  if (input === undefined) return NO_FIELDS;
  const fields: HeaderField[] = [];
  if (typeof input !== "object" || input === null) {
    throw new TypeError(`headers must be pairs or an object, got ${String(input)}`);
  }
  for (const [name, value] of lines(input)) {
    if (typeof name !== "string" || !isToken(name)) {
      throw new TypeError(`header name must be a token, got ${showText(String(name))}`);
    }
    const instead = reserved.get(name.toLowerCase());
    if (instead !== undefined) {
      throw new TypeError(`header ${showText(name)} belongs to the handshake: ${instead}`);
    }
    if (typeof value !== "string") {
      throw new TypeError(
        `value of header ${showText(name)} must be a string, got ${typeof value}`,
      );
    }
    const bad = badCharacter(value);
    if (bad !== -1) {
      // The character alone: the value may be a cookie or a password, and errors are logged.
      throw new TypeError(
        `value of header ${showText(name)} must be latin1 without control characters, got ${showText(value.charAt(bad))} at index ${bad}`,
      );
    }
    fields.push([name, value]);
  }
  return fields;
}
