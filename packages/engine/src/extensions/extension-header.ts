/** Sec-WebSocket-Extensions: text to a list of extensions and back. RFC 6455 §9.1. */

import { isToken, parseQuotedString, skipSpace, tokenEnd } from "./header-text.ts";

/** `name`, `name=value` or `name="value"`; no value is `undefined`. */
export interface ExtensionParameter {
  readonly name: string;
  readonly value: string | undefined;
}

/** One offer or answer. Parameters are a list, not an object: names come from the peer and may repeat. */
export interface Extension {
  readonly name: string;
  readonly parameters: readonly ExtensionParameter[];
}

/** What a Sec-WebSocket-Extensions header says. */
export interface ExtensionList {
  readonly extensions: readonly Extension[];
  /** Something did not fit the grammar and was left out. A server goes on without it, a client fails the handshake. */
  readonly malformed: boolean;
}

/** Where an element ended, or `undefined` where the grammar was lost. */
interface Parsed<T> {
  readonly item: T;
  readonly end: number;
}

/** extension-param = token [ "=" ( token | quoted-string ) ]. An `item` of `undefined` is a value that is no token. */
function parseParameter(
  line: string,
  start: number,
): Parsed<ExtensionParameter | undefined> | undefined {
  const nameEnd = tokenEnd(line, start);
  if (nameEnd === start) return undefined;
  const name = line.slice(start, nameEnd);
  let at = skipSpace(line, nameEnd);
  if (line[at] !== "=") return { item: { name, value: undefined }, end: at };
  at = skipSpace(line, at + 1);
  if (line[at] === '"') {
    const quoted = parseQuotedString(line, at);
    if (quoted === undefined) return undefined;
    // "the value after quoted-string unescaping MUST conform to the 'token' ABNF" §9.1
    const item = isToken(quoted.value) ? { name, value: quoted.value } : undefined;
    return { item, end: skipSpace(line, quoted.end) };
  }
  const valueEnd = tokenEnd(line, at);
  if (valueEnd === at) return undefined;
  return { item: { name, value: line.slice(at, valueEnd) }, end: skipSpace(line, valueEnd) };
}

/** extension = extension-token *( ";" extension-param ). An `item` of `undefined` is one with a value that is no token. */
function parseExtension(line: string, start: number): Parsed<Extension | undefined> | undefined {
  const nameEnd = tokenEnd(line, start);
  if (nameEnd === start) return undefined;
  const parameters: ExtensionParameter[] = [];
  let wellFormed = true;
  let at = skipSpace(line, nameEnd);
  while (line[at] === ";") {
    const parameter = parseParameter(line, skipSpace(line, at + 1));
    if (parameter === undefined) return undefined;
    if (parameter.item === undefined) wellFormed = false;
    else parameters.push(parameter.item);
    at = parameter.end;
  }
  if (at < line.length && line[at] !== ",") return undefined;
  const item = wellFormed ? { name: line.slice(start, nameEnd), parameters } : undefined;
  return { item, end: at };
}

/**
 * Parses all Sec-WebSocket-Extensions lines of a message, in linear time.
 *
 * Junk costs the rest of its line, since nobody can tell where the next extension begins; the complete ones before it
 * are kept. A quoted value that is no token costs only its own extension.
 */
export function parseExtensions(lines: readonly string[]): ExtensionList {
  const extensions: Extension[] = [];
  let malformed = false;
  for (const line of lines) {
    let at = skipSpace(line, 0);
    while (at < line.length) {
      // an empty list element, RFC 9110 §5.6.1
      if (line[at] === ",") {
        at = skipSpace(line, at + 1);
        continue;
      }
      const extension = parseExtension(line, at);
      if (extension?.item === undefined) malformed = true;
      else extensions.push(extension.item);
      at = extension?.end ?? line.length;
    }
  }
  return { extensions, malformed };
}

/** Serializes extensions for a header line. Names and values have to be tokens. */
export function formatExtensions(extensions: readonly Extension[]): string {
  return extensions
    .map(({ name, parameters }) =>
      [
        name,
        ...parameters.map((one) =>
          one.value === undefined ? one.name : `${one.name}=${one.value}`,
        ),
      ].join("; "),
    )
    .join(", ");
}
