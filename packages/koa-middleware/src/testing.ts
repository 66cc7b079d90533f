/** `connect`: a WebSocket to a Koa app in memory, for tests: no port, no waiting, the whole handshake. */

import { createServer, type Server } from "node:http";
import { connectToApp } from "@longwire/engine";
import type { ConnectInMemoryOptions, Messages, TestConn } from "@longwire/engine";
import { attach, type App } from "./attach.ts";

export { HandshakeError } from "@longwire/engine";
export type { TestConn } from "@longwire/engine";

/** Headers, subprotocols and peer address of the request, and options of the client's end. */
export type ConnectOptions = ConnectInMemoryOptions;

function isApp(app: App | Server): app is App {
  return typeof app === "object" && app !== null && "callback" in app;
}

const servers = new WeakMap<App, Server>();

/** The server of an app, which never listens: it keeps no process alive and needs no closing. */
function serverOf(app: App): Server {
  let server = servers.get(app);
  if (server === undefined) {
    const callback = app.callback();
    server = createServer((request, response) => void callback(request, response));
    attach(server, app);
    servers.set(app, server);
  }
  return server;
}

/**
 * Connects to a route of `app`, through its middleware, and resolves with the client's end of the connection. Close it
 * when the test is over: `await using conn = await connect(app, "/chat")`. Middleware has to be in place: Koa composes it
 * once.
 *
 * @typeParam M - The route's message contract: types what is read and written here, from the client's side.
 * @param app - A Koa app, or a server that has been attached: its own options hold then.
 * @param path - Path and query.
 * @throws HandshakeError when the app refuses: `status`, and `response` with its headers and whole body.
 */
export async function connect<M extends Messages = Messages>(
  app: App | Server,
  path: string,
  options?: ConnectOptions,
): Promise<TestConn<M>> {
  return connectToApp(isApp(app) ? serverOf(app) : app, path, options);
}
