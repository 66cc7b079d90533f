/** WebSocket routes for Fastify. */

export { websocket } from "./plugin.ts";
export type {
  FastifyConn,
  MessageSchemas,
  SocketErrorHandler,
  SocketHandler,
  SocketRouteMethod,
  SocketRouteOptions,
  WebSocketPluginOptions,
} from "./types.ts";
export type { ConnectOptions, TestConn } from "./testing.ts";
export * from "@longwire/engine/application";
