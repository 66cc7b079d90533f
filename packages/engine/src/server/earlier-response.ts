/** Responses to earlier, pipelined requests on the socket of an upgrade request. */

import type { Duplex } from "node:stream";
import { responseOn } from "./response-on.ts";

/**
 * Calls back once no earlier response is under way: at once as a rule. One that the application has ended is waited
 * for; TLS reports its last write a turn late, so a keep-alive client may be faster. For one that is open the socket is
 * destroyed: `assignSocket` would throw, nothing may be written between its bytes, and node no longer tells when the
 * peer goes, so waiting could last for ever. Does not call back when the socket goes first.
 */
export function afterEarlierResponse(socket: Duplex, callback: () => void): void {
  const earlier = responseOn(socket);
  if (earlier === undefined) {
    callback();
  } else if (earlier.writableEnded) {
    earlier.once("close", () => {
      // Its `Connection: close` has ended the socket.
      if (socket.writable) afterEarlierResponse(socket, callback);
    });
  } else {
    socket.destroy();
  }
}
