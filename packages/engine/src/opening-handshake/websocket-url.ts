/** ws:, wss: and ws+unix: URLs: where to connect, and what to ask for. RFC 6455 §3. */

import { showText } from "../extensions/header-text.ts";
import { urlCredentials, type Credentials } from "./basic-auth.ts";
import { hasControlCharacter } from "./header-fields.ts";

/** A WebSocket URL taken apart. */
export interface DialTarget {
  /** wss: */
  readonly secure: boolean;
  /** Name or address to connect to; an IPv6 address without brackets. "localhost" for a unix socket. */
  readonly hostname: string;
  readonly port: number;
  /** Path of the unix socket to connect to instead. */
  readonly socketPath?: string | undefined;
  /** The Host header: with the port only when it is not the default of the scheme (§4.1). */
  readonly host: string;
  /** The request target: path and query. */
  readonly target: string;
  /** The user and the password in the URL. Sent only when the caller asks for that. */
  readonly credentials?: Credentials | undefined;
}

/** Shows a URL in a message, without the user and password that may stand before its last "@". */
export function showUrl(url: string): string {
  const at = url.lastIndexOf("@");
  return showText(at === -1 ? url : `***${url.slice(at)}`);
}

/**
 * Parses an absolute URL given as an option.
 *
 * @param what - Names the option, and what it has to be, in the error.
 * @throws TypeError when it is none; user and password stay out of the message.
 */
export function parseUrlOption(url: string | URL, what: { name: string; kind: string }): URL {
  const { name, kind } = what;
  if (typeof url !== "string") {
    if (url instanceof URL) return new URL(url);
    throw new TypeError(`${name} must be a string or a URL, got ${typeof url}`);
  }
  // The URL parser drops tabs and line breaks without a word; whoever passes them should hear of it.
  if (hasControlCharacter(url)) {
    throw new TypeError(`${name} must not contain control characters, got ${showUrl(url)}`);
  }
  try {
    return new URL(url);
  } catch (cause) {
    throw new TypeError(`${name} must be ${kind}, got ${showUrl(url)}`, { cause });
  }
}

/**
 * `ws+unix:/socket/path` with an optional `:/path?query`, as the package ws has it. A colon or another character that a
 * URL can't hold is percent-encoded in the socket's path; "%00" in front is Linux's abstract namespace.
 */
function parseUnixUrl({ host, pathname, search }: URL): DialTarget {
  if (host !== "") {
    throw new TypeError(`url must have no host before the socket path, got ${showText(host)}`);
  }
  const colon = pathname.indexOf(":");
  const encoded = colon === -1 ? pathname : pathname.slice(0, colon);
  const path = colon === -1 ? "/" : pathname.slice(colon + 1);
  let socketPath: string;
  try {
    socketPath = decodeURIComponent(encoded);
  } catch (cause) {
    throw new TypeError(`socket path must be percent-encoded UTF-8, got ${showText(encoded)}`, {
      cause,
    });
  }
  if (socketPath === "" || socketPath.includes("\0", 1)) {
    throw new TypeError(`url must name a unix socket, got ${showText(socketPath)}`);
  }
  if (!path.startsWith("/")) {
    throw new TypeError(
      `url must have a path with a leading "/" behind the socket path and its colon, got ${showText(path)}`,
    );
  }
  // A URL of another scheme leaves more characters as they are than a request target may have.
  const asHttp = new URL(`http://localhost${path}${search}`);
  return {
    secure: false,
    hostname: "localhost",
    port: 80,
    socketPath,
    host: "localhost",
    target: asHttp.pathname + asHttp.search,
  };
}

/**
 * Takes a WebSocket URL apart.
 *
 * @throws TypeError when it is not an absolute ws:, wss: or ws+unix: URL, or has a fragment.
 */
export function parseWebSocketUrl(url: string | URL): DialTarget {
  const parsed = parseUrlOption(url, {
    name: "url",
    kind: "an absolute ws:, wss: or ws+unix: URL",
  });
  const { protocol, hostname, port, host, pathname, search, hash } = parsed;
  if (protocol !== "ws:" && protocol !== "wss:" && protocol !== "ws+unix:") {
    throw new TypeError(`url must begin with ws:, wss: or ws+unix:, got ${showText(protocol)}`);
  }
  // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used on these URIs." §3
  if (hash !== "") throw new TypeError(`url must have no fragment, got ${showText(hash)}`);
  if (protocol === "ws+unix:") return parseUnixUrl(parsed);
  const secure = protocol === "wss:";
  return {
    secure,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    port: port === "" ? (secure ? 443 : 80) : Number(port),
    host,
    target: pathname + search,
    credentials: urlCredentials(parsed, "url"),
  };
}

/** The http: or https: form of a target's URL: what cookies are kept for. */
export function httpUrl({ secure, host, target }: DialTarget): string {
  return `${secure ? "https" : "http"}://${host}${target}`;
}
