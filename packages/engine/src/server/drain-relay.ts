/** `drain` events for the response to an upgrade request: node's own relay is gone once the parser lets go. */

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/**
 * Tells `response` when its socket has drained. Without this a large body that is piped into the response, such as a
 * file from a static file server, stops after its first 64 KiB (Node 20-24) or after some MiB (26).
 *
 * @returns How to stop.
 */
export function relayDrain(socket: Duplex, response: ServerResponse): () => void {
  const onDrain = (): void => {
    if (!response.writableNeedDrain) return;
    clearNeedDrain(response);
    response.emit("drain");
  };
  socket.on("drain", onDrain);
  return () => socket.off("drain", onDrain);
}

/** Resets what `writableNeedDrain` shows. Node keeps it under a symbol; where that is not found, it merely stays true. */
function clearNeedDrain(response: ServerResponse): void {
  const flags: object = response;
  const key = Object.getOwnPropertySymbols(flags).find(
    (symbol) => symbol.description === "kNeedDrain",
  );
  if (key !== undefined) Reflect.set(flags, key, false);
}
