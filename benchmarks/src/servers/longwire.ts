/** Longwire's engine on node:http, by its public API. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Conn } from "@longwire/engine";
import { loadEngine, loadHub } from "./load-longwire.ts";
import { listenAndReport, run } from "./report.ts";
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, readSpec, type ServerSpec } from "./spec.ts";
import { echoHandler } from "./longwire-echo.ts";

/** Broadcast as in the hub's README. */
async function broadcaster(spec: ServerSpec): Promise<(conn: Conn, path: string) => unknown> {
  const { Hub } = await loadHub(spec.longwire);
  const hub = new Hub();
  return (conn, path) => {
    const room = hub.room(path);
    room.join(conn);
    const reuseMemory = spec.reading === "forEach, reuseMemory";
    const reading = conn.forEach((message) => void room.broadcast(message), { reuseMemory });
    return reading.catch(() => undefined); // an abnormal end is no concern of this server
  };
}

async function main(): Promise<void> {
  const spec = readSpec();
  const { attach, Upgrader } = await loadEngine(spec.longwire);
  const upgrader = new Upgrader({
    readLimit: MAX_MESSAGE_BYTES,
    maxBufferedAmount: MAX_BUFFERED_BYTES,
    compression: spec.compression && (spec.compressionOptions ?? true),
  });
  const serve = spec.app === "echo" ? echoHandler(spec.reading) : await broadcaster(spec);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    upgrader.upgrade(request).then(
      (conn) => serve(conn, request.url ?? "/"),
      () => response.writeHead(426).end(),
    );
  };
  const server = createServer(answer);
  attach(server, answer);
  listenAndReport(server);
}

run(main);
