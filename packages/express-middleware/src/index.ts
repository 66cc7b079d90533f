/** WebSocket routes for Express 4 and 5. */

export { websocket } from "./websocket.ts";
export type { SocketHandler, SocketOptions } from "./websocket.ts";
export type { SocketRequestHandler } from "./router-types.ts";
export { attach } from "./attach.ts";
export * from "@longwire/engine/application";
