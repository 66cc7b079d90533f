/** Other `upgrade` listeners on the same server (Vite, socket.io): whether one of them has taken a socket. */

import type { Duplex } from "node:stream";

/** What net.Socket has and a Duplex need not have. */
interface Counted {
  readonly bytesWritten?: number | undefined;
}

/**
 * Remembers the state in which node hands an upgraded socket out.
 *
 * @returns A function that tells whether somebody has written to the socket, begun to read it, or ended it since.
 */
export function watchForTaker(socket: Duplex): () => boolean {
  const counted: Duplex & Counted = socket;
  // A keep-alive connection has carried responses before.
  const before = counted.bytesWritten ?? 0;
  return () =>
    socket.destroyed ||
    socket.writableEnded ||
    socket.writableLength > 0 ||
    (counted.bytesWritten ?? 0) !== before ||
    // node hands the socket out with null: neither flowing nor paused, and nobody listens.
    socket.readableFlowing !== null ||
    socket.listenerCount("data") > 0 ||
    socket.listenerCount("readable") > 0;
}
