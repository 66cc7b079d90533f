/** Redirects of the opening handshake: where one leads, and what must not go along. RFC 9110 §15.4, RFC 6455 §4.1. */

import { equalAsciiFold, showText } from "../extensions/header-text.ts";
import { headerValues, type HeaderField } from "./header-fields.ts";
import type { ReceivedHead } from "./response-head.ts";

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const WEBSOCKET_SCHEMES: ReadonlyMap<string, string> = new Map([
  ["ws:", "ws:"],
  ["wss:", "wss:"],
  ["http:", "ws:"],
  ["https:", "wss:"],
]);

/** Headers that prove who the client is to one server, and are nobody else's business; Host names that server. */
const BOUND_TO_ORIGIN = ["Authorization", "Cookie", "Proxy-Authorization", "Host"];

export function isRedirect({ statusCode }: ReceivedHead): boolean {
  return REDIRECT_STATUSES.has(statusCode);
}

/**
 * Resolves the Location of a redirect. http: and https: stand for ws: and wss:; user, password and fragment are left
 * out: they would be the server's.
 *
 * @returns The URL to dial next, or why it is not followed.
 */
export function redirectUrl(from: URL, head: ReceivedHead): URL | string {
  const [location, second] = headerValues(head.rawHeaders, "Location");
  if (location === undefined || second !== undefined) return "it has not exactly one Location";
  const unix = from.protocol === "ws+unix:";
  const base = unix ? undefined : from;
  if (!URL.canParse(location, base?.href)) return `its Location is ${showText(location)}`;
  const to = new URL(location, base);
  const scheme = WEBSOCKET_SCHEMES.get(to.protocol);
  if (unix || scheme === undefined) return `it leads to ${showText(to.protocol)}`;
  if (from.protocol === "wss:" && scheme === "ws:") return "it leads from wss: to ws:";
  to.protocol = scheme;
  to.username = "";
  to.password = "";
  to.hash = "";
  return to;
}

/** The same scheme, host and port: only there credentials may be sent again. RFC 6454 §5 */
export function isSameServer(from: URL, to: URL): boolean {
  return from.protocol === to.protocol && from.host === to.host;
}

/** Leaves out what must not cross from one origin to another. */
export function withoutCredentials(headers: readonly HeaderField[]): HeaderField[] {
  return headers.filter(([name]) => !BOUND_TO_ORIGIN.some((bound) => equalAsciiFold(bound, name)));
}
