/** The end of a response that node's own server does not look after. */

import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * Takes the response off the socket, and tells everybody who waits for its end (`stream.finished`, loggers).
 * Node does both for the responses of its own parser, and in the same way: a response that has finished needs no destroy.
 */
export function finishResponse(response: ServerResponse, socket: Duplex): void {
  // Typed as net.Socket by node; see assignSocket above. The application may have detached it.
  if (response.socket === socket) response.detachSocket(socket as Socket);
  if (!response.writableFinished) response.destroy(); // what is written into it from now on goes nowhere
  if (isWatched(response)) process.nextTick(tellClosed, response);
  else markClosed(response);
}

/** Somebody hears of its end: `close` follows in a tick of its own, as node tells it. */
function isWatched(response: ServerResponse): boolean {
  return (
    response.listenerCount("close") > 0 ||
    response.listenerCount("finish") > 0 || // its turn comes in this very event, and it may listen to `close` then
    response.emit !== EventEmitter.prototype.emit
  );
}

function tellClosed(response: ServerResponse): void {
  if (response.closed) return; // Node 24 and later tell it themselves when a response without a socket is destroyed
  markClosed(response);
  response.emit("close");
}

function markClosed(response: ServerResponse): void {
  response.destroyed = true;
  Reflect.set(response, "_closed", true); // what `closed` shows: stream.finished looks at it
}
