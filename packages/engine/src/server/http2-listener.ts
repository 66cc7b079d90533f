/** Ordinary requests of HTTP/2 for an app that knows HTTP/1.1 alone, as Express does. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { presentAsHttp1 } from "../opening-handshake/extended-connect.ts";
import type { AppListener } from "./dispatch.ts";
import { relayDrain, stopRelay } from "./drain-relay.ts";
import { finishResponse } from "./finish-response.ts";
import { guardSocket, ignoreError } from "./refuse-socket.ts";
import { streamRequest } from "./stream-request.ts";
import { streamResponse } from "./stream-response.ts";

/** A listener for `http2.createServer` and `http2.createSecureServer`, with `allowHTTP1` too. */
export type Http2Listener = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/**
 * Lets an app of HTTP/1.1 answer the requests of an HTTP/2 server: it gets node's own `IncomingMessage` and
 * `ServerResponse`, whose socket is the request's stream. `request.httpVersion` is "2.0"; header fields of HTTP/1.1's
 * connections (`Connection`, `Transfer-Encoding`, …) stay behind; trailers and pushes are not offered.
 *
 * @param app - A request listener such as an Express app.
 */
export function http2Listener(app: AppListener): Http2Listener {
  return (request, response) => {
    if ("stream" in request) serve(app, request);
    else void app(request, response as ServerResponse); // both are of one version
  };
}

function serve(app: AppListener, { stream, headers, rawHeaders }: Http2ServerRequest): void {
  guardSocket(stream);
  const request = streamRequest(stream, headers, presentAsHttp1(rawHeaders));
  carryBody(stream, request);
  const response = streamResponse(request, stream, (status) => status);
  response.on("error", ignoreError); // a middleware may write after the end
  response.assignSocket(stream as unknown as Socket); // what a response needs of it is a Duplex
  relayDrain(stream);
  response.once("finish", () => {
    stopRelay(stream);
    finishResponse(response, stream);
    request.resume(); // drops a body that the app did not want
    stream.end();
  });
  // RST_STREAM: with NO_ERROR node would wait for ever to have the body read.
  stream.once("aborted", () => stream.destroy());
  stream.once("close", () => request.destroy());
  void app(request, response);
}

function carryBody(stream: ServerHttp2Stream, request: IncomingMessage): void {
  request._read = () => void stream.resume();
  stream.on("data", (chunk: Buffer) => {
    if (!request.push(chunk)) stream.pause();
  });
  stream.once("end", () => {
    request.complete = true;
    request.push(null);
  });
  stream.pause();
}
