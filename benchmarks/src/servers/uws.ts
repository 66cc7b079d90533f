/** uWebSockets.js. Run under Node 20: for later ones there is no binary. */

import { createRequire } from "node:module";
import { join } from "node:path";
import { report, run } from "./report.ts";
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, readSpec } from "./spec.ts";

/** The part of its API that is used here. */
interface UwsSocket {
  send(data: ArrayBuffer, isBinary: boolean, compress: boolean): number;
  subscribe(topic: string): boolean;
  getUserData(): { readonly path: string };
}

interface UwsApp {
  ws(pattern: string, behavior: Readonly<Record<string, unknown>>): UwsApp;
  publish(topic: string, data: ArrayBuffer, isBinary: boolean, compress: boolean): boolean;
  listen(host: string, port: number, callback: (token: unknown) => void): UwsApp;
}

interface Uws {
  App(): UwsApp;
  us_socket_local_port(token: unknown): number;
  readonly DISABLED: number;
  readonly DEDICATED_COMPRESSOR: number;
  readonly DEDICATED_DECOMPRESSOR: number;
}

interface UpgradeResponse {
  upgrade(
    userData: object,
    key: string,
    protocol: string,
    extensions: string,
    context: unknown,
  ): void;
}

interface UpgradeRequest {
  getUrl(): string;
  getHeader(name: string): string;
}

function upgrade(response: UpgradeResponse, request: UpgradeRequest, context: unknown): void {
  response.upgrade(
    { path: request.getUrl() },
    request.getHeader("sec-websocket-key"),
    request.getHeader("sec-websocket-protocol"),
    request.getHeader("sec-websocket-extensions"),
    context,
  );
}

async function main(): Promise<void> {
  const { app: kind, compression, peers } = readSpec();
  const require = createRequire(join(peers, "peers.js"));
  const uws = require("@trufflesuite/uws-js-unofficial") as Uws;
  const app = uws.App();
  const echo = (socket: UwsSocket, data: ArrayBuffer, isBinary: boolean): void => {
    socket.send(data, isBinary, compression);
  };
  const broadcast = (socket: UwsSocket, data: ArrayBuffer, isBinary: boolean): void => {
    app.publish(socket.getUserData().path, data, isBinary, compression);
  };
  app.ws("/*", {
    compression: compression ? uws.DEDICATED_COMPRESSOR | uws.DEDICATED_DECOMPRESSOR : uws.DISABLED,
    maxPayloadLength: MAX_MESSAGE_BYTES,
    maxBackpressure: MAX_BUFFERED_BYTES,
    idleTimeout: 0,
    upgrade,
    open: (socket: UwsSocket) => {
      if (kind === "broadcast") socket.subscribe(socket.getUserData().path);
    },
    message: kind === "echo" ? echo : broadcast,
  });
  app.listen("127.0.0.1", 0, (token) => {
    if (token === false) throw new Error("uWebSockets.js cannot listen");
    report(uws.us_socket_local_port(token));
  });
}

run(main);
