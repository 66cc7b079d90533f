/** `connect`: a WebSocket to a Hono app in memory, for tests: no port, no waiting, the whole handshake. */

import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { connectInMemory } from "@longwire/engine";
import type {
  ClientIn,
  ClientOut,
  Conn,
  ConnectInMemoryOptions,
  HandshakeResponse,
  Messages,
} from "@longwire/engine";
import { attach, type FetchApp } from "./attach.ts";

export interface ConnectOptions extends ConnectInMemoryOptions {
  /** Gets the 101, for its headers and cookies. */
  readonly onResponse?: ((response: HandshakeResponse) => void) | undefined;
}

const servers = new WeakMap<FetchApp, Server>();

/** The server of an app, which never listens: it keeps no process alive and needs no closing. */
function serverOf(app: FetchApp): Server {
  let server = servers.get(app);
  if (server === undefined) {
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
    server = createServer((request, response) => void listener(request, response));
    attach(server, app);
    servers.set(app, server);
  }
  return server;
}

/**
 * Connects to a route of `app`, through its middleware, and resolves with the client's end of the connection. Close it
 * when the test is over: `await using conn = await connect(app, "/chat")`.
 *
 * @typeParam M - The route's message contract: types what is read and written here, from the client's side.
 * @param path - Path and query.
 * @throws HandshakeError when the app refuses: `status`, and `response` with its headers and body.
 */
export async function connect<M extends Messages = Messages>(
  app: FetchApp,
  path: string,
  options: ConnectOptions = {},
): Promise<Conn<ClientIn<M>, ClientOut<M>>> {
  const { onResponse, ...rest } = options;
  const { conn, response } = await connectInMemory(serverOf(app), path, rest);
  onResponse?.(response);
  return conn as Conn<ClientIn<M>, ClientOut<M>>; // the caller's word; the app checks what comes in
}
