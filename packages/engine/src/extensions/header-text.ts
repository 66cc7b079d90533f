/**
 * Header text, character by character: tokens and quoted strings (RFC 9110 §5.6), ASCII folding, and a peer's text
 * made fit for a log line. Every function here is linear in its input and uses no regular expression on it.
 */

const HTAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** tchar, RFC 9110 §5.6.2. The same set as `token` of RFC 2616 §2.2, which RFC 6455 refers to. */
const IS_TOKEN_CHARACTER: Readonly<Uint8Array> = (() => {
  const table = new Uint8Array(128);
  const characters =
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
})();

/** Index of the first character at or after `start` that cannot stand in a token. */
export function tokenEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && IS_TOKEN_CHARACTER[text.charCodeAt(at)] === 1) at++;
  return at;
}

/** Tells whether `text` is one token: not empty, and of token characters only. */
export function isToken(text: string): boolean {
  return text !== "" && tokenEnd(text, 0) === text.length;
}

/** Index of the first character at or after `start` that is neither a space nor a tab (OWS, RFC 9110 §5.6.3). */
export function skipSpace(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== HTAB) break;
  }
  return at;
}

/** A quoted string without its quotes and escapes; `end` is the index after the closing quote. */
export interface QuotedString {
  readonly value: string;
  readonly end: number;
}

/**
 * Parses the quoted string whose opening quote stands at `start` (RFC 9110 §5.6.4).
 * `undefined` when the closing quote is missing.
 */
export function parseQuotedString(text: string, start: number): QuotedString | undefined {
  let value = "";
  let piece = start + 1;
  for (let at = piece; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return { value: value + text.slice(piece, at), end: at + 1 };
    if (code === BACKSLASH) {
      value += text.slice(piece, at);
      piece = at + 1; // the escaped character begins the next piece
      at++;
    }
  }
  return undefined;
}

function foldAscii(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

/**
 * Compares without regard to the case of A-Z. Other letters are not folded: `toLowerCase()` would make the Kelvin
 * sign equal to "k", and "Ö" to "ö".
 */
export function equalAsciiFold(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++) {
    if (foldAscii(left.charCodeAt(at)) !== foldAscii(right.charCodeAt(at))) return false;
  }
  return true;
}

const SHOWN_CHARACTERS = 100;

/**
 * Quotes a peer's text for a message: at most 100 characters of it, and only printable ASCII, so that a log line
 * cannot be broken or coloured from outside.
 */
export function showText(text: string): string {
  let shown = '"';
  for (let at = 0; at < text.length && at < SHOWN_CHARACTERS; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE || code === BACKSLASH) shown += `\\${text.charAt(at)}`;
    else if (code >= SPACE && code <= 0x7e) shown += text.charAt(at);
    else shown += `\\u${code.toString(16).padStart(4, "0")}`;
  }
  const more = text.length - SHOWN_CHARACTERS;
  return more > 0 ? `${shown}" (and ${more} more characters)` : `${shown}"`;
}
