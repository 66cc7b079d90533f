/** A request that came over HTTP/2, as frameworks for HTTP/1.1 know it: node's own `IncomingMessage`. */

import { IncomingMessage } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { presentAddresses } from "../transport/http2-transport.ts";
import type { PresentedRequest } from "../opening-handshake/extended-connect.ts";

/** What guards ask a TLS connection for. */
const TLS_FACTS = [
  "authorized",
  "authorizationError",
  "alpnProtocol",
  "servername",
  "getCipher",
  "getPeerCertificate",
  "getPeerX509Certificate",
  "getProtocol",
] as const;

/**
 * Gives a stream what frameworks look at on `request.socket`: addresses, `encrypted`, the client's certificate.
 * Destroying that socket resets the stream, and no other.
 */
export function presentAsSocket(stream: ServerHttp2Stream): Socket {
  const carrier = stream.session?.socket as TLSSocket | undefined; // of a plain session it lacks what is TLS's
  presentAddresses(stream);
  for (const name of carrier?.encrypted === true ? TLS_FACTS : []) {
    const get = (): unknown => (stream.session?.socket as TLSSocket | undefined)?.[name];
    Object.defineProperty(stream, name, { configurable: true, get });
  }
  return stream as unknown as Socket; // the rest of it nobody has any use for here
}

/**
 * Makes node's request, whose body is the caller's to push.
 *
 * @param headers - As node has joined them, pseudo-header fields included.
 */
export function streamRequest(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { method, url, rawHeaders }: PresentedRequest,
): IncomingMessage {
  const request = new IncomingMessage(presentAsSocket(stream));
  request.httpVersion = "2.0";
  request.httpVersionMajor = 2;
  request.httpVersionMinor = 0;
  request.method = method;
  request.url = url;
  request.rawHeaders = rawHeaders;
  const lines = distinct(rawHeaders);
  // Host, Upgrade and Connection stand in `rawHeaders` alone; the others node has joined by its own rules.
  const joined = Object.entries(lines).map(([name, [first]]) => [
    name,
    name === "host" ? first : (headers[name] ?? first),
  ]);
  request.headers = Object.fromEntries(joined) as IncomingHttpHeaders;
  request.headersDistinct = lines;
  return request;
}

function distinct(rawHeaders: readonly string[]): Record<string, string[]> {
  const lines: Record<string, string[]> = Object.create(null) as Record<string, string[]>; // names come from the peer
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    (lines[rawHeaders[at]!.toLowerCase()] ??= []).push(rawHeaders[at + 1]!);
  }
  return lines;
}
