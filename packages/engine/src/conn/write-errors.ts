/** Why nothing can be written any more. */

import { WebSocketError } from "../errors.ts";

/** The error of a write behind the close frame (§5.5.1). */
export function writeBehindClose(): WebSocketError {
  return new WebSocketError("WS_CLOSE_SENT", "write after the close frame was sent");
}

/** The error of a write when the socket is gone, or going. */
export function writeOnClosed(cause: Error | undefined): WebSocketError {
  const options = cause === undefined ? {} : { cause };
  return new WebSocketError("WS_CLOSED", "write on a closed connection", options);
}

/** The error of a write that the queue has no room for. All three in bytes. */
export function writeOverLimit(waiting: number, more: number, limit: number): WebSocketError {
  return new WebSocketError(
    "WS_BUFFER_LIMIT",
    `${waiting} bytes wait to be sent, ${more} more would exceed maxBufferedAmount of ${limit}`,
  );
}
