/** The plugin: attaches Fastify to its server, adds `app.websocket` and turns route options into WebSocket routes. */

import { attach, isRouteOption } from "@longwire/engine";
import type { Attachment } from "@longwire/engine";
import type { FastifyInstance, FastifyPluginAsync, RouteHandlerMethod } from "fastify";
import { enterScope, scopeOf } from "./scope.ts";
import { declareSocket } from "./socket-route.ts";
import { connect, type ConnectOptions, type TestConn } from "./testing.ts";
import type { SocketHandler, SocketRouteOptions, WebSocketPluginOptions } from "./types.ts";

const NAME = "@longwire/fastify";
const PEER = "@fastify/websocket";
const BESIDE_PEER = `${NAME} cannot be registered beside ${PEER}: both would answer every upgrade; docs/migrating-from-fastify-websocket.md shows how to replace it`;

/** One for each server, however many scopes register the plugin. */
const attachments = new WeakMap<object, Attachment>();

async function register(app: FastifyInstance, options: WebSocketPluginOptions): Promise<void> {
  if (app.hasPlugin(PEER)) throw new Error(BESIDE_PEER);
  const { only, drainTimeout } = options;
  const attachment = attachments.get(app.server);
  if (attachment !== undefined && (only !== undefined || drainTimeout !== undefined)) {
    throw new TypeError(
      "only and drainTimeout are for the whole server: give them to the first registration",
    );
  }
  const isInner = scopeOf(app) !== undefined;
  enterScope(app, options);
  if (isInner) return; // the decorators and hooks of the outer scope hold here

  const { conns } = attachment ?? attachTo(app, options);
  app.decorate("websocket", declare).decorate("websocketConns", conns);
  app.decorate("injectWS", injectWS);
  app.addHook("onRoute", function declareHere(route) {
    declareSocket(this, route); // the instance of the route
  });
  app.addHook("onReady", async () => {
    // Registered later, in a scope of its own.
    if (app.printPlugins().includes(` ${PEER} `)) throw new Error(BESIDE_PEER);
  });
}

function attachTo(app: FastifyInstance, options: WebSocketPluginOptions): Attachment {
  const { server } = app;
  const { only, handshakeTimeout, drainTimeout } = options;
  const attachment = attach(server, (request, reply) => app.routing(request, reply), {
    only,
    handshakeTimeout,
    drainTimeout,
  });
  attachments.set(server, attachment);
  app.addHook("preClose", () => attachment.close());
  return attachment;
}

/** The decorator `websocket`. */
function declare(
  this: FastifyInstance,
  url: string,
  ...rest: readonly [SocketHandler] | readonly [SocketRouteOptions, SocketHandler]
): FastifyInstance {
  const [options, wsHandler] = rest.length === 1 ? [{}, rest[0]] : rest;
  const handler = wsHandler as unknown as RouteHandlerMethod; // the route option gives it the socket
  const websocket = Object.fromEntries(
    Object.entries(options).filter(([name]) => isRouteOption(name)), // the others are Fastify's
  );
  return this.route({ ...options, method: "GET", url, websocket, handler });
}

/** The decorator `injectWS`. */
function injectWS(
  this: FastifyInstance,
  path: string,
  options?: ConnectOptions,
): Promise<TestConn> {
  return connect(this, path, options);
}

/**
 * Lets a Fastify instance take WebSockets. Register it before the routes; it holds for the instance that registers it
 * and everything below. Registered again in an inner scope it changes the defaults there.
 */
export const websocket: FastifyPluginAsync<WebSocketPluginOptions> = Object.assign(register, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: NAME,
  [Symbol.for("plugin-meta")]: { name: NAME, fastify: "5.x" },
});
