/** WebSocket routes for Koa. */

export { websocket } from "./websocket.ts";
export type { SocketHandler, SocketOptions } from "./websocket.ts";
export { attach } from "./attach.ts";
export { upgrades } from "./upgrades.ts";
export type { UpgradeContext } from "./upgrades.ts";
export * from "@longwire/engine/application";
