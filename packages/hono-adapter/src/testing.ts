/** `connect`: a WebSocket to a Hono app in memory, for tests: no port, no waiting, the whole handshake. */

import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { connectToApp } from "@longwire/engine";
import type { ConnectInMemoryOptions, Messages, TestConn } from "@longwire/engine";
import { attach } from "./attach.ts";
import type { FetchApp } from "./types.ts";

export { HandshakeError } from "@longwire/engine";
export type { TestConn } from "@longwire/engine";

/** Headers, subprotocols and peer address of the request, and options of the client's end. */
export type ConnectOptions = ConnectInMemoryOptions;

function isApp(app: FetchApp | Server): app is FetchApp {
  return typeof app === "object" && app !== null && "fetch" in app;
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
 * @param app - A Hono app, or a server that has been attached: its own options hold then.
 * @param path - Path and query.
 * @throws HandshakeError when the app refuses: `status`, and `response` with its headers and whole body.
 */
export async function connect<M extends Messages = Messages>(
  app: FetchApp | Server,
  path: string,
  options?: ConnectOptions,
): Promise<TestConn<M>> {
  return connectToApp(isApp(app) ? serverOf(app) : app, path, options);
}
