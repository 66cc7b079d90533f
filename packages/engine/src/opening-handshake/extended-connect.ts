/**
 * WebSocket over HTTP/2: the opening handshake is an extended CONNECT request. RFC 8441 §4-5, both sides.
 *
 * Either side meets the rest of the engine in the shape of HTTP/1.1, as gateways between the two versions do it: the
 * server's request becomes a GET with Host, Upgrade and Connection, the client's response is checked as one of `fetch`.
 */

import { HandshakeError, type HandshakeResponse } from "../errors.ts";
import { equalAsciiFold, showText } from "../extensions/header-text.ts";
import {
  checkAgreement,
  type ClientHandshake,
  type ClientHandshakeRequest,
  type ResponseHead,
} from "./client-handshake.ts";
import { UPGRADE_HEADERS } from "./server-handshake.ts";

/** "it MUST have a value of "websocket" to initiate a WebSocket connection on an HTTP/2 stream" §5 */
const PROTOCOL = "websocket";

/** "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields" RFC 9113 §8.2.2 */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  "connection",
  "upgrade",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "http2-settings",
  "te",
]);

/** Tells whether a header field belongs to one connection of HTTP/1.1, and so to no message of HTTP/2. */
export function isConnectionSpecific(name: string): boolean {
  return CONNECTION_SPECIFIC.has(name.toLowerCase());
}

/** What a CONNECT request asks for: a WebSocket, another protocol, or a tunnel as ever (RFC 9110 §9.3.6). */
export type ConnectKind = "websocket" | "other-protocol" | "tunnel";

export function connectKind(protocol: unknown): ConnectKind {
  if (typeof protocol !== "string") return "tunnel";
  return equalAsciiFold(protocol, PROTOCOL) ? "websocket" : "other-protocol";
}

/** A request of HTTP/2 as one of HTTP/1.1 would have said it. */
export interface PresentedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Host, then the request's own fields in their order. */
  readonly rawHeaders: string[];
}

/**
 * Presents a request as one of HTTP/1.1. "The Host information is conveyed as part of the :authority pseudo-header field"
 * (§5); a Host header counts for nothing beside that.
 *
 * @param rawHeaders - Name, value, name, value, … as received, pseudo-header fields included.
 */
export function presentAsHttp1(rawHeaders: readonly string[]): PresentedRequest {
  const pseudo = new Map<string, string>();
  const fields: string[] = [];
  const cookies: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    const value = rawHeaders[at + 1]!;
    if (name.startsWith(":") || name === "host") pseudo.set(name, value);
    else if (name === "cookie") cookies.push(value);
    else fields.push(name, value);
  }
  // "these MUST be concatenated into a single octet string using the two-octet delimiter of 0x3b, 0x20" RFC 9113 §8.2.3
  if (cookies.length > 0) fields.push("cookie", cookies.join("; "));
  return {
    method: pseudo.get(":method") ?? "",
    url: pseudo.get(":path") ?? "",
    rawHeaders: ["host", pseudo.get(":authority") ?? pseudo.get("host") ?? "", ...fields],
  };
}

/** Presents an extended CONNECT request as an upgrade request: "This request replaces the GET-based request" §5. */
export function presentAsUpgrade(received: readonly string[]): PresentedRequest {
  const { url, rawHeaders } = presentAsHttp1(received);
  return { method: "GET", url, rawHeaders: [...rawHeaders, ...UPGRADE_HEADERS.flat()] };
}

/** The header fields of an extended CONNECT request; names in lower case, pseudo-header fields first. */
export function extendedConnectHeaders(
  { target, headers }: ClientHandshakeRequest,
  secure: boolean,
): Record<string, string | string[]> {
  // Without a prototype: names come from the caller.
  const fields = Object.create(null) as Record<string, string | string[]>;
  fields[":method"] = "CONNECT";
  fields[":protocol"] = PROTOCOL;
  // "MUST be "https" for "wss"-schemed WebSockets and "http" for "ws"-schemed WebSockets" §5
  fields[":scheme"] = secure ? "https" : "http";
  fields[":path"] = target;
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (lower === "host") fields[":authority"] = value;
    // Connection and Upgrade "MUST NOT be included in the CONNECT request", and implementations "do not do the
    // processing of the Sec-WebSocket-Key and Sec-WebSocket-Accept header fields" §5
    else if (!isConnectionSpecific(lower) && lower !== "sec-websocket-key") {
      addField(fields, lower, value);
    }
  }
  return fields;
}

function addField(fields: Record<string, string | string[]>, name: string, value: string): void {
  const before = fields[name];
  if (before === undefined) fields[name] = value;
  else if (Array.isArray(before)) before.push(value);
  else fields[name] = [before, value];
}

/** "Any 2xx (Successful) response indicates that the sender … will switch to tunnel mode" RFC 9110 §9.3.6 */
export function isConnected({ statusCode = 0 }: Pick<ResponseHead, "statusCode">): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/**
 * Checks the response to an extended CONNECT request, and tells what was agreed.
 *
 * @param body - Of a refusal: what of it is to be shown to the caller.
 * @throws HandshakeError WS_BAD_HANDSHAKE with `status` and `response`, when any check fails.
 */
export function checkConnectResponse(
  request: ClientHandshakeRequest,
  response: ResponseHead,
  body: Buffer = Buffer.alloc(0),
): ClientHandshake {
  const { statusCode: status = 0, statusMessage: statusText = "", headers } = response;
  const received: HandshakeResponse = { status, statusText, headers, body };
  const agreed = isConnected(response)
    ? checkAgreement(request, response)
    : `server answered ${status}${statusText === "" ? "" : ` ${showText(statusText)}`} instead of 200`;
  if (typeof agreed === "string") throw new HandshakeError(status, agreed, { response: received });
  return agreed;
}
