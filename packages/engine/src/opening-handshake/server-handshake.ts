/**
 * The server's checks on an opening handshake, RFC 6455 §4.2.1: in stages, since the origin check may have to wait.
 *
 *     checkRequest ─► checkOrigin, or the application's own check ─► checkKey ─► acceptHandshake
 *          └────────────────────────┴── HandshakeRefusal ───────────────┘
 */

import { parseExtensions, type Extension } from "../extensions/extension-header.ts";
import { equalAsciiFold, showText } from "../extensions/header-text.ts";
import { isValidKey } from "./accept-key.ts";
import { hasToken, headerValues, type HeaderField, type RequestHead } from "./header-fields.ts";
import { isAllowedOrigin, isSameOrigin, parseHost, type OriginPattern } from "./origin.ts";
import { parseSubprotocols } from "./subprotocol.ts";

/** Why a request gets no 101: what to answer, and what to log. */
export interface HandshakeRefusal {
  readonly refused: true;
  readonly status: 400 | 403 | 405 | 426 | 500;
  /** For logs and errors: names the header and its value, peer text made printable. Not meant for the peer. */
  readonly reason: string;
  readonly headers: readonly HeaderField[];
}

/** A request that has passed {@link checkRequest}. */
export interface HandshakeRequest {
  readonly refused: false;
  /** The Host header. A framework behind a proxy may know better. */
  readonly host: string;
  /** All Origin lines: none from a client that is no browser. */
  readonly origins: readonly string[];
  /** In the client's order. */
  readonly offeredSubprotocols: readonly string[];
  readonly extensionOffers: readonly Extension[];
}

/** Said by a 101 and by a 426. */
export const UPGRADE_HEADERS: readonly [upgrade: HeaderField, connection: HeaderField] = [
  ["Upgrade", "websocket"],
  ["Connection", "Upgrade"],
];
// "a |Sec-WebSocket-Version| header field indicating the version(s) the server is capable of understanding" §4.2.2.
// The drafts before 13 are not spoken, and so cannot be attacked.
const VERSION_HEADER: HeaderField = ["Sec-WebSocket-Version", "13"];

function refuse(
  status: HandshakeRefusal["status"],
  reason: string,
  headers: readonly HeaderField[] = [],
): HandshakeRefusal {
  return { refused: true, status, reason, headers: [...headers, VERSION_HEADER] };
}

/**
 * "The server MUST send an Upgrade header field in a 426 response" RFC 9110 §15.5.22, named in Connection, §7.8. But "an
 * endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields" RFC 9113 §8.2.2, and node
 * throws for one.
 */
function upgradeRequired({ httpVersionMajor }: RequestHead, reason: string): HandshakeRefusal {
  return refuse(426, reason, httpVersionMajor > 1 ? [] : UPGRADE_HEADERS);
}

/** The value of a header for a message. */
function shown(values: readonly string[]): string {
  return values.length === 0 ? "none" : showText(values.join(", "));
}

/** Tells whether a request asks for a WebSocket: `Connection: upgrade` and `Upgrade: websocket`, among other tokens. */
export function isWebSocketUpgrade(request: Pick<RequestHead, "rawHeaders">): boolean {
  return (
    hasToken(headerValues(request.rawHeaders, "Connection"), "upgrade") &&
    hasToken(headerValues(request.rawHeaders, "Upgrade"), "websocket")
  );
}

/**
 * Lists the subprotocols that a request offers, in the client's order. Empty when it offers none, and when the header
 * breaks a rule of §4.1: the handshake then refuses it with 400.
 */
export function subprotocols(request: Pick<RequestHead, "rawHeaders">): readonly string[] {
  return parseSubprotocols(headerValues(request.rawHeaders, "Sec-WebSocket-Protocol")).offered;
}

/** Steps 1-4: is this a WebSocket handshake of version 13 at all? */
function checkUpgrade(request: RequestHead): HandshakeRefusal | undefined {
  const { method, rawHeaders } = request;
  const connection = headerValues(rawHeaders, "Connection");
  const upgrade = headerValues(rawHeaders, "Upgrade");
  if (!hasToken(connection, "upgrade")) {
    const reason = `Connection header must have the token "upgrade", got ${shown(connection)}`;
    // No Upgrade header either: an ordinary HTTP request, and 426 tells it what this URL is for.
    return upgrade.length === 0 ? upgradeRequired(request, reason) : refuse(400, reason);
  }
  if (!hasToken(upgrade, "websocket")) {
    return upgradeRequired(
      request,
      `Upgrade header must have the token "websocket", got ${shown(upgrade)}`,
    );
  }
  if (method !== "GET") {
    return refuse(405, `method must be GET, got ${showText(method ?? "")}`, [["Allow", "GET"]]);
  }
  const version = headerValues(rawHeaders, "Sec-WebSocket-Version");
  // "MUST NOT appear more than once in an HTTP request" §11.3.5
  if (version.length > 1) {
    return refuse(400, `Sec-WebSocket-Version must be one header line, got ${version.length}`);
  }
  // "an appropriate HTTP error code (such as 426 Upgrade Required)" §4.2.2
  if (!hasToken(version, "13")) {
    return upgradeRequired(request, `Sec-WebSocket-Version must be 13, got ${shown(version)}`);
  }
  return undefined;
}

/**
 * The request target has to begin with one "/": a path. Absolute-form names another host than Host does, and `//host`
 * or `/\host` does the same to code that resolves the target against a base URL.
 */
function isSafeTarget(target: string): boolean {
  return target.startsWith("/") && target[1] !== "/" && target[1] !== "\\";
}

/** The HTTP/1.1 rules that gorilla leaves to net/http, or out. */
function checkHttp(request: RequestHead, hosts: readonly string[]): HandshakeRefusal | undefined {
  const { httpVersionMajor: major, httpVersionMinor: minor, url = "" } = request;
  // "An HTTP/1.1 or higher GET request" §4.2.1
  if (major < 1 || (major === 1 && minor < 1)) {
    return refuse(400, `HTTP version must be 1.1 or higher, got ${major}.${minor}`);
  }
  // "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host header
  // field and to any request message that contains more than one Host header field line or a Host header field with an
  // invalid field value." RFC 9112 §3.2
  const [host] = hosts;
  if (host === undefined || hosts.length > 1 || parseHost(host) === undefined) {
    return refuse(400, `Host header must be one host with an optional port, got ${shown(hosts)}`);
  }
  if (!isSafeTarget(url)) {
    return refuse(
      400,
      `request target must be a path that begins with one "/", got ${showText(url)}`,
    );
  }
  return undefined;
}

/**
 * Reads what a handshake offers, the same for HTTP/1.1 and HTTP/2, and refuses what breaks a rule of §4.1.
 *
 * @param host - Host header, or `:authority`.
 * @param responseHeaders - Headers that the application wants on the response.
 */
export function readOffers(
  { rawHeaders }: Pick<RequestHead, "rawHeaders">,
  host: string,
  responseHeaders: readonly HeaderField[] = [],
): HandshakeRefusal | HandshakeRequest {
  const { offered, problem } = parseSubprotocols(
    headerValues(rawHeaders, "Sec-WebSocket-Protocol"),
  );
  if (problem !== undefined) return refuse(400, `Sec-WebSocket-Protocol header ${problem}`);
  if (responseHeaders.some(([name]) => equalAsciiFold(name, "Sec-WebSocket-Extensions"))) {
    return refuse(
      500,
      "the application must not set Sec-WebSocket-Extensions: use the compression option",
    );
  }
  return {
    refused: false,
    host,
    origins: headerValues(rawHeaders, "Origin"),
    offeredSubprotocols: offered,
    // What does not parse is not accepted, and costs the client no more than that extension.
    extensionOffers: parseExtensions(headerValues(rawHeaders, "Sec-WebSocket-Extensions"))
      .extensions,
  };
}

/**
 * Checks everything of a request but its origin and key, in gorilla's order: Connection, Upgrade, method, version,
 * then HTTP version, Host, request target and Sec-WebSocket-Protocol, which gorilla does not check, then that the
 * application has not set Sec-WebSocket-Extensions.
 *
 * @param responseHeaders - Headers that the application wants on the 101.
 */
export function checkRequest(
  request: RequestHead,
  responseHeaders?: readonly HeaderField[],
): HandshakeRefusal | HandshakeRequest {
  const hosts = headerValues(request.rawHeaders, "Host");
  return (
    checkUpgrade(request) ??
    checkHttp(request, hosts) ??
    readOffers(request, hosts[0] ?? "", responseHeaders)
  );
}

/** The refusal of an origin by the application's own check. */
export function originRefusal(
  origins: readonly string[],
  host: string | undefined,
): HandshakeRefusal {
  return refuse(
    403,
    `checkOrigin refused origin ${shown(origins)} at host ${showText(host ?? "")}`,
  );
}

/**
 * The default origin check: same origin, or on the allow-list. "If the origin indicated is unacceptable to the server,
 * then it SHOULD respond to the WebSocket handshake with a reply containing HTTP 403 Forbidden status code." §10.2
 *
 * @param host - The request's host as the framework sees it behind its trusted proxies.
 */
export function checkOrigin(
  origins: readonly string[],
  host: string | undefined,
  allowed: readonly OriginPattern[],
): HandshakeRefusal | undefined {
  if (isSameOrigin(origins, host) || isAllowedOrigin(origins, allowed)) return undefined;
  return refuse(
    403,
    `origin ${shown(origins)} is not that of host ${showText(host ?? "")}, and not in allowedOrigins`,
  );
}

/** The key of a handshake that may be accepted. */
export interface HandshakeKey {
  readonly refused: false;
  readonly key: string;
}

/** Checks Sec-WebSocket-Key: one line, "when decoded, is 16 bytes in length" (§4.2.1). */
export function checkKey(
  request: Pick<RequestHead, "rawHeaders">,
): HandshakeRefusal | HandshakeKey {
  const keys = headerValues(request.rawHeaders, "Sec-WebSocket-Key");
  const [key] = keys;
  // "MUST NOT appear more than once in an HTTP request" §11.3.1
  if (key === undefined || keys.length > 1) {
    return refuse(400, `Sec-WebSocket-Key must be one header line, got ${keys.length}`);
  }
  if (!isValidKey(key)) {
    return refuse(400, `Sec-WebSocket-Key must be 16 bytes in base64, got ${showText(key)}`);
  }
  return { refused: false, key };
}
