/**
 * A response that goes out over HTTP/2, as frameworks for HTTP/1.1 know it: node's own `ServerResponse`, whose socket is
 * the stream. Its head is sent as HEADERS, what follows is the stream's data.
 *
 * Everything stands on the object itself, not on a class: Express gives its responses another prototype, and middleware
 * wraps `writeHead`, `write` and `end` of the object that it finds.
 */

import { ServerResponse, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { isConnectionSpecific } from "../opening-handshake/extended-connect.ts";

type WriteHead = (status: number, ...rest: readonly unknown[]) => ServerResponse;

const switching = new WeakSet<ServerResponse>();

/** Tells whether a response has accepted its upgrade: its status is 101, or was until HTTP/2 made 200 of it. */
export function isSwitching(response: ServerResponse): boolean {
  return response.statusCode === 101 || switching.has(response);
}

/**
 * Makes the response to an extended CONNECT request.
 *
 * @param pending - Asked when a 101 goes out: without acceptance it is the application's fault.
 */
export function connectResponse(
  request: IncomingMessage,
  stream: ServerHttp2Stream,
  pending: { readonly accepted: boolean },
): ServerResponse {
  const response: ServerResponse = streamResponse(request, stream, (status) => {
    if (status === 101 && pending.accepted) switching.add(response);
    return switching.has(response) ? 200 : refusalStatus(status);
  });
  return response;
}

/**
 * Makes the response to a request of HTTP/2. Its end does not end the stream.
 *
 * @param spell - Gives the status to send in place of the application's.
 */
export function streamResponse(
  request: IncomingMessage,
  stream: ServerHttp2Stream,
  spell: (status: number) => number,
): ServerResponse {
  const response = new ServerResponse(request);
  const checkHead = response.writeHead.bind(response) as WriteHead; // both of its forms
  const writeHead: WriteHead = (status, ...rest) => {
    prepareHeaders(response);
    checkHead(spell(status), ...rest);
    // Node has merged and checked everything, and made a head of HTTP/1.1: taken for sent, it is never written.
    Reflect.set(response, "_headerSent", true);
    response.chunkedEncoding = false; // the framing of HTTP/1.1, should the application have asked for it
    respond(stream, response);
    return response;
  };
  const inform = (status: number, headers: OutgoingHttpHeaders, sent?: () => void): void => {
    if (isUsable(stream) && !stream.headersSent) {
      stream.additionalHeaders({ ...fieldsOf(headers), ":status": status });
    }
    sent?.();
  };
  writeBuffersOnly(stream);
  return Object.assign(response, {
    writeHead,
    writeContinue: (sent?: () => void) => inform(100, {}, sent),
    writeProcessing: (sent?: () => void) => inform(102, {}, sent),
    writeEarlyHints: (hints: OutgoingHttpHeaders, sent?: () => void) => inform(103, hints, sent),
  });
}

/**
 * Of a response that does not accept. "HTTP/2 removes support for the 101 (Switching Protocols) informational status
 * code" (RFC 9113 §8.6), and a 2xx is what accepts a CONNECT request: a page's 200 would open a WebSocket that nobody
 * serves. Method Not Allowed says what is the case.
 */
function refusalStatus(status: number): number {
  if (status === 101) return 500;
  return status >= 200 && status < 300 ? 405 : status;
}

/**
 * Node 20 and 22 send bytes of freed memory when strings are written to a stream that was corked, as a response does it
 * (measured on 20.20 and 22.23; 24 and 26 do not). Buffers are safe.
 */
function writeBuffersOnly(stream: ServerHttp2Stream): void {
  const write = stream.write.bind(stream) as (...values: unknown[]) => boolean; // each of its forms
  Object.assign(stream, {
    write: (chunk: unknown, encoding?: unknown, ...rest: unknown[]): boolean => {
      if (typeof chunk !== "string") return write(chunk, encoding, ...rest);
      const given = typeof encoding === "string";
      const bytes = Buffer.from(chunk, given ? (encoding as BufferEncoding) : "utf8");
      return given ? write(bytes, ...rest) : write(bytes, encoding, ...rest);
    },
  });
}

/** Sees to it that headers given to `writeHead` join the others, where they can be read: node keeps no list otherwise. */
function prepareHeaders(response: ServerResponse): void {
  if (response.headersSent || response.hasHeader("Date")) return;
  const { sendDate } = response;
  response.setHeader("Date", new Date().toUTCString());
  if (!sendDate) response.removeHeader("Date");
}

function fieldsOf(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) => value !== undefined && !isConnectionSpecific(name),
    ),
  );
}

function isUsable(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed;
}

/** To a peer that has gone nothing is sent, and nothing thrown, as over a socket. */
function respond(stream: ServerHttp2Stream, response: ServerResponse): void {
  if (!isUsable(stream) || stream.headersSent) return;
  const { statusCode, sendDate } = response;
  const options: object = { sendDate }; // node's types have not heard of it
  stream.respond({ ...fieldsOf(response.getHeaders()), ":status": statusCode }, options);
}
