/** Nothing but upgraded sockets: what an idle connection of node:http costs before any WebSocket library. */

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { listenAndReport } from "./report.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 §1.3

const server = createServer();
server.on("upgrade", (request, socket) => {
  const key = request.headers["sec-websocket-key"] ?? "";
  const accept = createHash("sha1")
    .update(key + GUID)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on("data", () => undefined);
  socket.on("error", () => socket.destroy());
});
listenAndReport(server);
