/** Transport over one stream of an HTTP/2 connection: END_STREAM for FIN, RST_STREAM for a reset. RFC 8441 §5. */

import { constants, type Http2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { SocketTransport } from "./socket-transport.ts";
import type { HttpVersion } from "./transport.ts";

/** Tells a stream of HTTP/2 from the sockets of HTTP/1.1. */
export function isHttp2Stream<S extends Http2Stream>(stream: Duplex | S): stream is S {
  return "rstCode" in stream;
}

/** Read once: a log line wants them when the connection has gone. */
const ADDRESSES = [
  "remoteAddress",
  "remotePort",
  "remoteFamily",
  "localAddress",
  "localPort",
  "encrypted",
] as const;

/** Gives a stream the addresses of its connection, as a socket has them. */
export function presentAddresses(stream: Http2Stream): void {
  const carrier = stream.session?.socket as Partial<TLSSocket> | undefined; // of a plain session it lacks `encrypted`
  for (const name of ADDRESSES) {
    Object.defineProperty(stream, name, { configurable: true, value: carrier?.[name] });
  }
}

export class Http2Transport extends SocketTransport {
  /**
   * RST_STREAM with NO_ERROR closes the stream too, but what has come before it is to be read (RFC 9113 §8.1). Node 20-24
   * never drop such a stream while a write is under way.
   *
   * @internal
   */
  override onEnd(): void {
    const { socket } = this;
    super.onEnd();
    if (isHttp2Stream<Http2Stream>(socket) && socket.closed) socket.destroy();
  }

  override get httpVersion(): HttpVersion {
    return "2.0";
  }

  /** "RST exceptions are represented with the RST_STREAM frame … with the CANCEL error code" RFC 8441 §5 */
  override destroy(): void {
    const { socket } = this;
    if (isHttp2Stream<Http2Stream>(socket) && !socket.closed) {
      socket.close(constants.NGHTTP2_CANCEL);
    }
    super.destroy();
  }
}
