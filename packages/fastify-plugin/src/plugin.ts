/** The plugin: attaches Fastify to its server, adds `app.websocket` and turns route options into WebSocket routes. */

import { attach } from "@longwire/engine";
import type { Attachment, RouteOptions as SocketOptions } from "@longwire/engine";
import type { FastifyInstance, FastifyPluginAsync, RouteHandlerMethod } from "fastify";
import { Scope } from "./scope.ts";
import { declareSocket } from "./socket-route.ts";
import type { SocketHandler, SocketRouteOptions, WebSocketPluginOptions } from "./types.ts";

const NAME = "@longwire/fastify";
const PEER = "@fastify/websocket";
const BESIDE_PEER = `${NAME} cannot be registered beside ${PEER}: both would answer every upgrade; docs/migrating-from-fastify-websocket.md shows how to replace it`;

/** One for each server, however many scopes register the plugin. */
const attachments = new WeakMap<object, Attachment>();

async function register(app: FastifyInstance, options: WebSocketPluginOptions): Promise<void> {
  if (app.hasPlugin(PEER)) throw new Error(BESIDE_PEER);
  const { only, drainTimeout, ...defaults } = options;
  const outer = Scope.of(app);
  const attachment = attachments.get(app.server);
  if (attachment !== undefined && (only !== undefined || drainTimeout !== undefined)) {
    throw new TypeError(
      "only and drainTimeout are for the whole server: give them to the first registration",
    );
  }
  // A line about a refused origin belongs in the application's log.
  const warn = (line: string): void => app.log.warn(line);
  new Scope(outer === undefined ? { warn, ...defaults } : defaults, outer).enter(app);
  if (outer !== undefined) return;

  const { conns } = attachment ?? attachTo(app, options);
  app.decorate("websocket", declare).decorate("websocketConns", conns);
  app.addHook("onRoute", function declareHere(route) {
    declareSocket(this, route); // the instance of the route
  });
  app.addHook("onReady", async () => {
    // Registered later, in a scope of its own.
    if (app.printPlugins().includes(` ${PEER} `)) throw new Error(BESIDE_PEER);
  });
}

function attachTo(app: FastifyInstance, options: WebSocketPluginOptions): Attachment {
  const attachment = attach(
    app.server,
    (request, response) => app.routing(request, response),
    options,
  );
  attachments.set(app.server, attachment);
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
  const websocket: SocketOptions = options;
  const handler = wsHandler as unknown as RouteHandlerMethod; // the route option gives it the socket
  return this.route({ ...options, method: "GET", url, websocket, handler });
}

/**
 * Lets a Fastify instance take WebSockets: register it before the routes.
 *
 * Not encapsulated: it holds for the instance that registers it and everything below.
 */
export const websocket: FastifyPluginAsync<WebSocketPluginOptions> = Object.assign(register, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: NAME,
  [Symbol.for("plugin-meta")]: { name: NAME, fastify: "5.x" },
});
