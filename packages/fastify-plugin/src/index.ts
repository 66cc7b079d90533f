/** WebSocket routes for Fastify. */

export { websocket } from "./plugin.ts";
export type {
  FastifyConn,
  MessageSchemas,
  SocketHandler,
  SocketRouteMethod,
  SocketRouteOptions,
  WebSocketPluginOptions,
} from "./types.ts";
export * from "./engine.ts";
