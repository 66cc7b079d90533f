/** Bun's own server. Run by Bun. */

import { report } from "./report.ts";
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, readSpec } from "./spec.ts";

/** The part of Bun's API that is used here. */
interface BunSocket {
  readonly data: { readonly path: string };
  send(data: string | Uint8Array, compress: boolean): number;
  subscribe(topic: string): void;
}

interface BunServer {
  readonly port: number;
  upgrade(request: Request, options: { data: { path: string } }): boolean;
  publish(topic: string, data: string | Uint8Array, compress: boolean): number;
}

declare const Bun: {
  serve(options: object): BunServer;
  gc(force: boolean): void;
};

const { app, compression } = readSpec();

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request: Request, self: BunServer): Response | undefined {
    const path = new URL(request.url).pathname;
    return self.upgrade(request, { data: { path } })
      ? undefined
      : new Response("", { status: 426 });
  },
  websocket: {
    perMessageDeflate: compression && { compress: "dedicated", decompress: "dedicated" },
    maxPayloadLength: MAX_MESSAGE_BYTES,
    backpressureLimit: MAX_BUFFERED_BYTES,
    idleTimeout: 0,
    open(socket: BunSocket) {
      if (app === "broadcast") socket.subscribe(socket.data.path);
    },
    message(socket: BunSocket, data: string | Uint8Array) {
      if (app === "echo") socket.send(data, compression);
      else server.publish(socket.data.path, data, compression);
    },
  },
});
report(server.port, () => Bun.gc(true));
