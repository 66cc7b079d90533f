/** What an upgrade request is, seen before any framework has looked at it: WebSocket or not, with a body or without. */

import type { IncomingMessage } from "node:http";
import { hasToken, headerValues } from "../opening-handshake/header-fields.ts";

/** Header lines that node keeps when `server.maxHeadersCount` is not set; measured on Node 20. */
const NODE_MAX_HEADERS = 1_000;

/** Tells whether the request asks for a WebSocket, alone or among other protocols (`Upgrade: h2c, websocket`). */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return hasToken(headerValues(request.rawHeaders, "Upgrade"), "websocket");
}

/**
 * Tells whether the request declares a body. Frames could not be told from it, so such a request is refused.
 * An empty body is none: `Content-Length: 0`.
 */
export function declaresBody(request: IncomingMessage): boolean {
  if (headerValues(request.rawHeaders, "Transfer-Encoding").length > 0) return true;
  return headerValues(request.rawHeaders, "Content-Length").some((length) => Number(length) !== 0);
}

/**
 * Tells whether node has dropped header lines, as Node 20 does beyond `server.maxHeadersCount` (later ones answer 431).
 * `Upgrade` may be among them, which has crashed servers (CVE-2024-37890), or a `Content-Length`.
 *
 * @param maxHeadersCount - The server's setting; null or undefined for node's own, 0 for no limit.
 */
export function lostHeaders(
  request: IncomingMessage,
  maxHeadersCount: number | null | undefined,
): boolean {
  const limit = maxHeadersCount ?? NODE_MAX_HEADERS;
  return limit > 0 && request.rawHeaders.length > 2 * limit;
}
