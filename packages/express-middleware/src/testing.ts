/** `connect`: a WebSocket to an Express app in memory, for tests: no port, no waiting, the whole handshake. */

import { createServer, type Server } from "node:http";
import { connectToApp } from "@longwire/engine";
import type { ConnectInMemoryOptions, Messages, TestConn } from "@longwire/engine";
import type { Application } from "express";
import { attach } from "./attach.ts";

export { HandshakeError } from "@longwire/engine";
export type { TestConn } from "@longwire/engine";

/** Headers, subprotocols and peer address of the request, and options of the client's end. */
export type ConnectOptions = ConnectInMemoryOptions;

const servers = new WeakMap<Application, Server>();

/** The server of an app, which never listens: it keeps no process alive and needs no closing. */
function serverOf(app: Application): Server {
  let server = servers.get(app);
  if (server === undefined) {
    server = createServer(app);
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
 * @param app - An Express app, or a server that has been attached: its own options hold then.
 * @param path - Path and query.
 * @throws HandshakeError when the app refuses: `status`, and `response` with its headers and whole body.
 */
export async function connect<M extends Messages = Messages>(
  app: Application | Server,
  path: string,
  options?: ConnectOptions,
): Promise<TestConn<M>> {
  return connectToApp(typeof app === "function" ? serverOf(app) : app, path, options);
}
