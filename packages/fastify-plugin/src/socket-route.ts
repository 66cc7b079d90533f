/** A Fastify route that becomes a connection: the 101 is an ordinary reply. */

import { decideUpgrade, isWebSocketUpgrade, Upgrader } from "@longwire/engine";
import type { Conn } from "@longwire/engine";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { routeChecks } from "./message-checks.ts";
import { scopeOf } from "./scope.ts";
import type { FastifyConn, SocketHandler } from "./types.ts";

/**
 * Replaces the handler of a route that declares a socket.
 *
 * @throws TypeError when the route is not one of GET, or has no function to give the socket to.
 */
export function declareSocket(app: FastifyInstance, route: RouteOptions): void {
  const { websocket, wsHandler, handler: page } = route;
  if (wsHandler === undefined && (websocket === undefined || websocket === false)) return;
  const methods = [route.method].flat();
  // Fastify declares a HEAD route beside each one of GET: it answers as a plain GET does, but for the body.
  if (!methods.includes("GET") && methods.some((method) => method !== "HEAD")) {
    throw new TypeError(`a WebSocket route must have the method GET, got ${methods.join(", ")}`);
  }
  const handler = wsHandler ?? (page as unknown as SocketHandler); // by the option `websocket`
  if (typeof handler !== "function") {
    throw new TypeError(`wsHandler must be a function, got ${typeof handler}`);
  }
  const options = typeof websocket === "object" ? websocket : {};
  const scope = scopeOf(app)!; // the hook that calls this is older than the scope
  const upgrader = new Upgrader(options, scope.upgrader);
  // What takes sockets alone is no part of an HTTP API, unless the route says so.
  if (wsHandler === undefined) route.schema = { hide: true, ...route.schema };
  const checks = routeChecks(app, route, options.messages);

  async function serve(
    this: FastifyInstance,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { log } = request;
    const { status, headers, body } = await decideUpgrade(request.raw, {
      upgrader,
      host: request.host,
      address: request.ip,
      checks: checks(request),
      handler: (conn) => handler.call(this, withLog(conn, log), request),
      onError: (error, conn) => scope.errorHandler.call(this, error, withLog(conn, log), request),
      onEnd: (err) => log.debug({ err }, "WebSocket closed"),
    });
    for (const [name, value] of headers) reply.header(name, value);
    return reply.code(status).send(status === 101 ? undefined : body);
  }

  route.handler = function answer(request, reply) {
    const isPage = wsHandler !== undefined && !isWebSocketUpgrade(request.raw);
    return isPage ? page.call(this, request, reply) : serve.call(this, request, reply);
  };
}

function withLog(conn: Conn, log: FastifyRequest["log"]): FastifyConn {
  return Object.assign(conn, { log });
}
