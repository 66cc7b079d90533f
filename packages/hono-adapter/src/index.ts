/** WebSocket routes for Hono on Node. */

export { isWebSocketUpgrade, websocket } from "./websocket.ts";
export { upgradeWebSocket } from "./upgrade-websocket.ts";
export { attach, serve } from "./attach.ts";
export type {
  FetchApp,
  SocketEvents,
  WebSocketHandler,
  WebSocketOptions,
  WebSocketResponse,
  WebSocketRoute,
} from "./types.ts";
export * from "@longwire/engine/application";
