/** Makes a Conn of a socket whose opening handshake is done. */

import type { Duplex } from "node:stream";
import type { ResolvedCompression } from "../extensions/compression-options.ts";
import type { NegotiatedDeflate } from "../extensions/deflate-offer.ts";
import { chooseCodec } from "../extensions/choose-codec.ts";
import { MessageDeflate } from "../extensions/message-deflate.ts";
import type { Role } from "../framing/frame.ts";
import { readMemory } from "../framing/read-memory.ts";
import type { MessageChecks } from "../messages/contract.ts";
import { Http2Transport, isHttp2Stream } from "../transport/http2-transport.ts";
import { SocketTransport } from "../transport/socket-transport.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { Conn, connInside } from "./conn.ts";
import { limitsOf } from "./limits.ts";
import type { ConnOptions } from "./limits.ts";

export interface OpenConnInit<In> {
  readonly role: Role;
  readonly options: ConnOptions;
  readonly subprotocol: string;
  readonly extensions: string;
  /** The peer's address where it is not the socket's: behind a trusted proxy. */
  readonly remoteAddress?: string | undefined;
  /** permessage-deflate as negotiated, and this side's settings for it. */
  readonly deflate?:
    | { readonly negotiated: NegotiatedDeflate; readonly options: ResolvedCompression }
    | undefined;
  /** Checks messages when the route has a contract. */
  readonly checks?: MessageChecks<In> | undefined;
}

const NO_CHECKS: MessageChecks<never> = {};

// Not a closure of each connection: it would keep what the connection was made of.
function connect(socket: Duplex, events: TransportEvents): Transport {
  return isHttp2Stream(socket)
    ? new Http2Transport(socket, events)
    : new SocketTransport(socket, events, readMemory);
}

/**
 * Takes the socket over and starts to read.
 *
 * @param socket - A socket, a stream of HTTP/2 (RFC 8441), or any other Duplex.
 * @param head - Bytes that came behind the handshake.
 */
export function openConn<In = unknown, Out = unknown>(
  socket: Duplex,
  head: Uint8Array,
  init: OpenConnInit<In>,
): Conn<In, Out> {
  const limits = limitsOf(init.options);
  const conn = new Conn<In, Out>({
    role: init.role,
    limits,
    subprotocol: init.subprotocol,
    extensions: init.extensions,
    remoteAddress: init.remoteAddress,
    netConn: socket,
    checks: init.checks ?? NO_CHECKS,
    deflate:
      init.deflate === undefined
        ? undefined
        : new MessageDeflate(
            init.role,
            init.deflate.negotiated,
            init.deflate.options,
            chooseCodec(),
          ),
    connect,
  });
  const inside = connInside(conn); // it does not look at messages
  if (limits.heartbeatInterval === Infinity) inside.transport.keepAlive();
  inside.reading.intake.start(head);
  return conn;
}
