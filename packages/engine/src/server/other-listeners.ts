/** Other `upgrade` listeners on the same server (Vite, socket.io): whether one of them has taken a socket. */

import type { Duplex } from "node:stream";
import { responseOn } from "./response-on.ts";

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
  // A keep-alive connection has carried responses before; while one is still written, written bytes tell nothing.
  const busy = responseOn(socket) !== undefined;
  const written = (): number =>
    busy ? 0 : ((socket as Counted).bytesWritten ?? socket.writableLength); // net.Socket has it
  const before = written();
  return () =>
    socket.destroyed ||
    socket.writableEnded ||
    written() !== before ||
    // node hands the socket out with null: neither flowing nor paused, and nobody listens.
    socket.readableFlowing !== null ||
    socket.listenerCount("data") > 0 ||
    socket.listenerCount("readable") > 0;
}
