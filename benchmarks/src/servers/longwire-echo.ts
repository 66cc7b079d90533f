/** Echo server of the engine on node:http. Argument: the option `compression` as JSON. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { attach, Upgrader, type CompressionOptions, type Conn } from "@longwire/engine";
import { report } from "./report.ts";

const compression = JSON.parse(process.argv[2] ?? "false") as boolean | CompressionOptions; // checked by the Upgrader
const upgrader = new Upgrader({ compression });

function echo(conn: Conn): void {
  void conn.forEach((message) => {
    const written = conn.writeMessage(message.type, message.data);
    return conn.bufferedAmount < 65_536 ? undefined : written;
  });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  upgrader.upgrade(request).then(echo, () => response.writeHead(426).end());
}

const server = createServer(answer).listen(0, "127.0.0.1", () => {
  report((server.address() as AddressInfo).port); // of a TCP server
});
attach(server, answer);
