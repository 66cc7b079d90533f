/** Transport over one stream of an HTTP/2 connection: END_STREAM for FIN, RST_STREAM for a reset. RFC 8441 §5. */

import { constants, type Http2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { SocketTransport } from "./socket-transport.ts";

/** Tells a stream of HTTP/2 from the sockets of HTTP/1.1. */
export function isHttp2Stream<S extends Http2Stream>(stream: Duplex | S): stream is S {
  return "rstCode" in stream;
}

export class Http2Transport extends SocketTransport {
  /** "RST exceptions are represented with the RST_STREAM frame … with the CANCEL error code" RFC 8441 §5 */
  override destroy(): void {
    const { socket } = this;
    if (isHttp2Stream<Http2Stream>(socket) && !socket.closed) {
      socket.close(constants.NGHTTP2_CANCEL);
    }
    super.destroy();
  }
}
