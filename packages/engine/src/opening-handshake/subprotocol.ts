/** Sec-WebSocket-Protocol: what was offered, and which one is chosen. RFC 6455 §4.2.2, §11.3.4. */

import { isToken, showText } from "../extensions/header-text.ts";
import { parseTokenList } from "./header-fields.ts";

/**
 * How a server chooses a subprotocol: a list in the server's order of preference, or a function that gets the
 * client's list in the client's order and returns one of its elements or `undefined`.
 */
export type SubprotocolPreference =
  | readonly string[]
  | ((offered: readonly string[]) => string | undefined);

/** What the client offered. */
export interface OfferedSubprotocols {
  /** In the client's order of preference, empty when `problem` is set. */
  readonly offered: readonly string[];
  /** Which rule of §4.1 the header breaks. */
  readonly problem: string | undefined;
}

const NOTHING_OFFERED: OfferedSubprotocols = { offered: [], problem: undefined };

/**
 * Parses all Sec-WebSocket-Protocol lines: the header "MAY appear multiple times in an HTTP request (which is
 * logically the same as a single |Sec-WebSocket-Protocol| header field that contains all values)" §11.3.4.
 */
export function parseSubprotocols(lines: readonly string[]): OfferedSubprotocols {
  if (lines.length === 0) return NOTHING_OFFERED;
  const { tokens, malformed } = parseTokenList(lines);
  if (malformed) {
    return { offered: [], problem: `must list tokens, got ${showText(lines.join(", "))}` };
  }
  // "The elements … MUST all be unique strings" §4.1
  const seen = new Set<string>();
  for (const token of tokens) {
    if (seen.has(token)) return { offered: [], problem: `names ${showText(token)} twice` };
    seen.add(token);
  }
  return { offered: tokens, problem: undefined };
}

/**
 * Chooses a subprotocol, "" for none: then the header is left out and the handshake succeeds all the same.
 * Comparison is exact, RFC 6455 §4.2.2 having no case folding here.
 *
 * @throws TypeError when a preference function returns what was not offered.
 */
export function chooseSubprotocol(
  offered: readonly string[],
  preference: SubprotocolPreference | undefined,
): string {
  if (preference === undefined || offered.length === 0) return "";
  if (typeof preference !== "function") {
    const wanted = new Set(offered);
    return preference.find((candidate) => wanted.has(candidate)) ?? "";
  }
  const chosen: unknown = preference(offered);
  if (chosen === undefined) return "";
  if (typeof chosen === "string" && offered.includes(chosen)) return chosen;
  const got = typeof chosen === "string" ? showText(chosen) : typeof chosen;
  throw new TypeError(
    `subprotocols must return one of the offered ${offered.map(showText).join(", ")}, or undefined, got ${got}`,
  );
}

/**
 * Checks a list of subprotocols given as an option.
 *
 * @throws TypeError when an element is no token or stands there twice.
 */
export function checkSubprotocolList(list: readonly string[]): void {
  const candidates: readonly unknown[] = list;
  const seen = new Set<string>();
  for (const subprotocol of candidates) {
    if (typeof subprotocol !== "string" || !isToken(subprotocol)) {
      throw new TypeError(`subprotocols must be tokens, got ${showText(String(subprotocol))}`);
    }
    if (seen.has(subprotocol)) {
      throw new TypeError(`subprotocols must be unique, got ${showText(subprotocol)} twice`);
    }
    seen.add(subprotocol);
  }
}
