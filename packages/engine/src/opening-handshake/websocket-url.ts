/** ws: and wss: URLs: where to connect, and what to ask for. RFC 6455 §3. */

import { showText } from "../extensions/header-text.ts";

/** A WebSocket URL taken apart. */
export interface DialTarget {
  /** wss: */
  readonly secure: boolean;
  /** Name or address to connect to; an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** The Host header: with the port only when it is not the default of the scheme (§4.1). */
  readonly host: string;
  /** The request target: path and query. */
  readonly target: string;
  /** Authorization header for the user and password in the URL (RFC 7617). */
  readonly authorization: string | undefined;
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** Shows a URL in a message, without the user and password that may stand before its last "@". */
function showUrl(url: string): string {
  const at = url.lastIndexOf("@");
  return showText(at === -1 ? url : `***${url.slice(at)}`);
}

function parseUrl(url: string | URL): URL {
  if (typeof url !== "string") return new URL(url);
  // The URL parser drops tabs and line breaks without a word; whoever passes them should hear of it.
  if (hasControlCharacter(url)) {
    throw new TypeError(`url must not contain control characters, got ${showUrl(url)}`);
  }
  try {
    return new URL(url);
  } catch (cause) {
    throw new TypeError(`url must be an absolute ws: or wss: URL, got ${showUrl(url)}`, { cause });
  }
}

function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Basic ${Buffer.from(credentials).toString("base64")}`;
  } catch (cause) {
    // The text itself is a secret, and stays out of the message.
    throw new TypeError("user and password in the url must be percent-encoded UTF-8", { cause });
  }
}

/**
 * Takes a WebSocket URL apart.
 *
 * @throws TypeError when it is not an absolute ws: or wss: URL, or has a fragment.
 */
export function parseWebSocketUrl(url: string | URL): DialTarget {
  const parsed = parseUrl(url);
  const { protocol, hostname, port, host, pathname, search, hash } = parsed;
  if (protocol !== "ws:" && protocol !== "wss:") {
    throw new TypeError(`url must begin with ws: or wss:, got ${showText(protocol)}`);
  }
  // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used on these URIs." §3
  if (hash !== "") throw new TypeError(`url must have no fragment, got ${showText(hash)}`);
  const secure = protocol === "wss:";
  return {
    secure,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    port: port === "" ? (secure ? 443 : 80) : Number(port),
    host,
    target: pathname + search,
    authorization: basicAuthorization(parsed),
  };
}
