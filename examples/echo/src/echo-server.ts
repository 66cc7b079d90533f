/** What the five variants have in common: how they are started and stopped. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { UpgraderOptions } from "@longwire/engine";

export interface EchoOptions {
  readonly host: string;
  readonly port: number;
  /** Options of every socket route. */
  readonly upgrade: UpgraderOptions;
}

export interface EchoServer {
  readonly port: number;
  /** Closes the sockets with 1001 and then the server; waits for peers as long as the drain allows. */
  close(): Promise<void>;
}

/** The port that a listening server got. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("expected a TCP address");
  return address.port;
}

/** Awaits a listening server of node:http and gives it the one interface of {@link EchoServer}. */
export async function listening(server: Server): Promise<EchoServer> {
  if (!server.listening) await once(server, "listening");
  return {
    port: portOf(server),
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
