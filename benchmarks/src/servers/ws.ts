/** `ws` with both of its native add-ons, broadcasting as its README does. */

import { createRequire } from "node:module";
import { WebSocketServer, type WebSocket } from "ws";
import { reportAddress, run } from "./report.ts";
import { MAX_MESSAGE_BYTES, readSpec } from "./spec.ts";

/** ws does without them in silence. */
function requireAddOns(): void {
  const require = createRequire(import.meta.url);
  for (const name of ["bufferutil", "utf-8-validate"]) require(name);
}

function membersByPath(): (path: string) => Set<WebSocket> {
  const rooms = new Map<string, Set<WebSocket>>();
  return (path) => {
    const members = rooms.get(path) ?? new Set();
    rooms.set(path, members);
    return members;
  };
}

async function main(): Promise<void> {
  requireAddOns();
  const spec = readSpec();
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    backlog: 4096,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: spec.compression && (spec.compressionOptions ?? true),
  });
  const room = membersByPath();
  server.on("connection", (socket, request) => {
    if (spec.app === "echo") {
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
      return;
    }
    const members = room(request.url ?? "/");
    members.add(socket);
    socket.on("close", () => members.delete(socket));
    socket.on("message", (data, isBinary) => {
      for (const member of members) {
        if (member.readyState === member.OPEN) member.send(data, { binary: isBinary });
      }
    });
  });
  server.on("listening", () => reportAddress(server));
}

run(main);
