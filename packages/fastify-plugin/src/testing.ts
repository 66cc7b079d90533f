/** For tests of applications: a client without a port. */

import { connectInMemory } from "@longwire/engine";
import type { Conn, ConnectInMemoryOptions, HandshakeResponse } from "@longwire/engine";
import type { FastifyInstance } from "fastify";

export { HandshakeError } from "@longwire/engine";

/** Headers, subprotocols and peer address of the request, and options of the client's end. */
export type ConnectOptions = ConnectInMemoryOptions;

/** The client's end of a connection. */
export type TestConn<In = unknown, Out = unknown> = Conn<In, Out> & {
  /** The 101, with its headers. */
  readonly response: HandshakeResponse;
};

/** Asked once for each application: Fastify leaves the question open while it closes. */
const readiness = new WeakMap<object, PromiseLike<unknown>>();

/**
 * Connects to a route in memory, through the application's hooks, guards and handlers. Awaits `app.ready()`.
 *
 * @throws HandshakeError with `status` and `response` (headers and whole body) when the application refuses.
 */
export async function connect<In = unknown, Out = unknown>(
  app: Pick<FastifyInstance, "ready" | "server">,
  path: string,
  options?: ConnectOptions,
): Promise<TestConn<In, Out>> {
  const ready = readiness.get(app.server) ?? app.ready();
  readiness.set(app.server, ready);
  await ready;
  const { conn, response } = await connectInMemory(app.server, path, options);
  return Object.assign(conn as Conn<In, Out>, { response }); // the caller says what is sent
}
