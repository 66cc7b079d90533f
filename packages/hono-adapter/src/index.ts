/** WebSocket routes for Hono on Node. */

export { isWebSocketUpgrade, websocket } from "./websocket.ts";
export { attach, serve } from "./attach.ts";
export type { FetchApp } from "./attach.ts";
export type { WebSocketHandler, WebSocketOptions, WebSocketResponse } from "./types.ts";
export * from "./engine.ts";
