/** `drain` events for the response to an upgrade request: node's own relay is gone once the parser lets go. */

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { responseOn } from "./response-on.ts";

/**
 * Tells the response that is assigned to `socket` when that has drained. Without this a large body that is piped into the response, such as a
 * file from a static file server, stops after its first 64 KiB (Node 20-24) or after some MiB (26).
 * A response that has written before may have missed it.
 */
export function relayDrain(socket: Duplex): void {
  socket.on("drain", onDrain);
  if (!socket.writableNeedDrain) onDrain.call(socket);
}

export function stopRelay(socket: Duplex): void {
  socket.off("drain", onDrain);
}

// One function for all sockets.
function onDrain(this: Duplex): void {
  const response = responseOn(this);
  if (response?.writableNeedDrain !== true) return;
  clearNeedDrain(response);
  response.emit("drain");
}

/** Resets what `writableNeedDrain` shows. Node keeps it under a symbol; where that is not found, it merely stays true. */
function clearNeedDrain(response: ServerResponse): void {
  const flags: object = response;
  const key = Object.getOwnPropertySymbols(flags).find(
    (symbol) => symbol.description === "kNeedDrain",
  );
  if (key !== undefined) Reflect.set(flags, key, false);
}
