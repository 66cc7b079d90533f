/** Rooms: who is in them, and one message to all. */

export { Hub } from "./hub.ts";
export type { HubOptions } from "./hub.ts";
export { Room } from "./room.ts";
export type { BroadcastData, BroadcastOptions } from "./room.ts";
