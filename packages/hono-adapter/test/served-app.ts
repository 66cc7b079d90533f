/** A Hono app on a free port, attached; gone when the test is over. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve as serveHTTP } from "@hono/node-server";
import {
  RawPeer,
  WsPeer,
  upgradeText,
  type RequestFields,
  type WsPeerOptions,
} from "@longwire/testkit";
import { onTestFinished } from "vitest";
import { attach, type Attachment, type AttachOptions, type FetchApp } from "../src/index.ts";

export interface ServedApp {
  readonly server: Server;
  readonly port: number;
  readonly attachment: Attachment;
  ws(path: string, o?: WsPeerOptions): Promise<WsPeer>;
  refused(path: string, o?: WsPeerOptions): ReturnType<typeof WsPeer.refused>;
  /** Sends one upgrade request in bytes. */
  raw(path: string, fields?: RequestFields): Promise<RawPeer>;
}

/** Drops peers that do not answer a close frame after 200 ms. */
export async function served(app: FetchApp, options?: AttachOptions): Promise<ServedApp> {
  // Without options for TLS or HTTP/2 it is a server of node:http.
  const server = serveHTTP({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
  const attachment = attach(server, app, { drainTimeout: 200, ...options });
  if (!server.listening) await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await attachment.close();
  });
  const { port } = server.address() as AddressInfo; // a TCP address is never a string
  const url = (path: string): string => `ws://127.0.0.1:${port}${path}`;
  return {
    server,
    port,
    attachment,
    async ws(path, o) {
      const peer = await WsPeer.open(url(path), o);
      onTestFinished(() => peer[Symbol.dispose]());
      return peer;
    },
    refused: (path, o) => WsPeer.refused(url(path), o),
    async raw(path, fields = {}) {
      const peer = await RawPeer.connect(port);
      onTestFinished(() => peer[Symbol.dispose]());
      peer.send(upgradeText(path, { Host: `127.0.0.1:${port}`, ...fields }));
      return peer;
    },
  };
}
