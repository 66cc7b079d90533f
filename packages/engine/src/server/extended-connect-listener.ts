/** Extended CONNECT requests of an HTTP/2 server: those for WebSocket are taken, the others answered. RFC 8441 §4. */

import type { IncomingMessage } from "node:http";
import type {
  Http2Server,
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import {
  connectKind,
  presentAsUpgrade,
  type ConnectKind,
} from "../opening-handshake/extended-connect.ts";
import type { Http2Sessions } from "./http2-sessions.ts";
import { guardSocket, refuseSocket } from "./refuse-socket.ts";
import { streamRequest } from "./stream-request.ts";

/** Gets a stream that asks for a WebSocket and that nobody else has answered. It has an `error` listener. */
export type TakeStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
) => void;

/** The request of a stream that asks for a WebSocket, in the shape of an upgrade request. */
export function upgradeRequest(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): IncomingMessage {
  const request = streamRequest(stream, headers, presentAsUpgrade(rawHeaders));
  request.complete = true; // what comes on the stream are frames
  request.push(null);
  return request;
}

/** Not Implemented for a `:protocol` that nobody speaks here; for a tunnel what node itself would answer. */
function statusFor(kind: ConnectKind): number {
  return kind === "other-protocol" ? 501 : 405;
}

/** Tells whether anybody else may have a use for a CONNECT request. */
export function othersListen(server: Pick<Http2Server, "listenerCount">): boolean {
  const node = server.listenerCount("request") > 0 ? 1 : 0; // makes requests of streams
  return server.listenerCount("stream") > 1 + node || server.listenerCount("connect") > 1;
}

/**
 * Listens to the streams themselves: node's `connect` event comes only where somebody listens to `request`. A CONNECT
 * request that is not for WebSocket is left to whoever listens for it besides.
 */
export function listenToStreams(
  server: Http2Server,
  sessions: Http2Sessions,
  take: TakeStream,
): void {
  const onStream = (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ): void => {
    sessions.see(stream.session);
    if (headers[":method"] !== "CONNECT") return;
    const kind = connectKind(headers[":protocol"]);
    if (kind === "websocket") {
      guardSocket(stream);
      // Other listeners claim a stream by answering it.
      queueMicrotask(() => {
        if (stream.destroyed || stream.closed || stream.headersSent) return;
        take(stream, headers, rawHeaders);
      });
    } else if (server.listenerCount("request") === 0 && !othersListen(server)) {
      guardSocket(stream);
      refuseSocket(stream, statusFor(kind));
    }
  };
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest) =>
    // Node gives the header lines as they were received too; its types do not tell.
    onStream(stream, headers, (rest as readonly unknown[])[1] as readonly string[]),
  );
  server.on("connect", (request: Http2ServerRequest, response: Http2ServerResponse | Duplex) => {
    const kind = connectKind(request.headers[":protocol"]);
    if (kind === "websocket" || server.listenerCount("connect") > 1) return;
    if (!("stream" in response)) {
      response.destroy(); // HTTP/1.1 beside HTTP/2: what node does when nobody listens
      return;
    }
    response.statusCode = statusFor(kind);
    response.end();
  });
}
