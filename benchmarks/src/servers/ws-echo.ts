/** Echo server of `ws`. Argument: its option `perMessageDeflate` as JSON. */

import type { AddressInfo } from "node:net";
import { WebSocketServer, type PerMessageDeflateOptions } from "ws";
import { report } from "./report.ts";

const perMessageDeflate = JSON.parse(process.argv[2] ?? "false") as
  | boolean
  | PerMessageDeflateOptions;
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });

server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => {
    socket.send(data, { binary: isBinary });
  });
});
server.on("listening", () => {
  report((server.address() as AddressInfo).port); // of a TCP server
});
