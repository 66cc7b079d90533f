/** A server of node:http2 with an app attached, and clients of it that speak in bytes. */
import type http from "node:http";
import http2, { type Http2Server, type SecureClientSessionOptions } from "node:http2";
import {
  attach,
  type Attachment,
  type AttachOptions,
  type Conn,
  type UpgraderOptions,
} from "@longwire/engine";
import { Http2Peer } from "@longwire/testkit";
import { onTestFinished } from "vitest";
import { listen } from "../client/servers.ts";
import { echo, socketApp } from "./attached-server.ts";

export type App = (request: http.IncomingMessage, response: http.ServerResponse) => unknown;

export interface Started {
  readonly server: Http2Server;
  readonly port: number;
  readonly attachment: Attachment;
}

/** Serves WebSockets alone: ordinary requests get 404. */
export async function start(app: App, options: AttachOptions = {}): Promise<Started> {
  const server = http2.createServer((_request, response) => {
    response.statusCode = 404;
    response.end("ordinary");
  });
  const attachment = attach(server, app, { drainTimeout: 200, ...options });
  return { server, attachment, port: await listen(server) };
}

/** Connects, over TLS when there are options for it, until the test has finished. */
export async function connect(port: number, tls?: SecureClientSessionOptions): Promise<Http2Peer> {
  const client = await Http2Peer.connect(port, tls);
  onTestFinished(() => client[Symbol.dispose]());
  return client;
}

/** An echo server and a client of it. */
export async function startEcho(
  options: UpgraderOptions = {},
  handler: (conn: Conn) => unknown = echo,
): Promise<Started & { client: Http2Peer }> {
  const started = await start(socketApp(handler, options));
  return { ...started, client: await connect(started.port) };
}

/** A server with an app of the test's, and a client of it. */
export async function startApp(app: App): Promise<Started & { client: Http2Peer }> {
  const started = await start(app);
  return { ...started, client: await connect(started.port) };
}
