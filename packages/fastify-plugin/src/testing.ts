/** For tests of applications: a client without a port. */

import { connectToApp } from "@longwire/engine";
import type { ConnectInMemoryOptions, Messages, TestConn } from "@longwire/engine";
import type { FastifyInstance } from "fastify";

export { HandshakeError } from "@longwire/engine";
export type { TestConn } from "@longwire/engine";

/** Headers, subprotocols and peer address of the request, and options of the client's end. */
export type ConnectOptions = ConnectInMemoryOptions;

/** Asked once for each application: Fastify leaves the question open while it closes. */
const readiness = new WeakMap<object, PromiseLike<unknown>>();

/**
 * Connects to a route of `app` in memory, through its hooks, guards and handlers, and resolves with the client's end of
 * the connection. Awaits `app.ready()`. Closing the application closes it too.
 *
 * @typeParam M - The route's message contract: types what is read and written here, from the client's side.
 * @param path - Path and query.
 * @throws HandshakeError when the application refuses: `status`, and `response` with its headers and whole body.
 */
export async function connect<M extends Messages = Messages>(
  app: Pick<FastifyInstance, "ready" | "server">,
  path: string,
  options?: ConnectOptions,
): Promise<TestConn<M>> {
  const ready = readiness.get(app.server) ?? app.ready();
  readiness.set(app.server, ready);
  await ready;
  return connectToApp(app.server, path, options);
}
