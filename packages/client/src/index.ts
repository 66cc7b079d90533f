/** A typed client for browsers and Node: JSON messages by the contract of a route. */

export { connect } from "./connect.ts";
export type { CheckedConnectOptions, ConnectOptions } from "./connect.ts";
export type { ClientConn } from "./client-conn.ts";
export { CloseError, InvalidMessageError } from "./errors.ts";
export type { CloseInfo } from "./errors.ts";
export { reconnect } from "./reconnect.ts";
export type { ReconnectOptions } from "./reconnect.ts";
export type { WebSocketConstructor, WebSocketEvent, WebSocketLike } from "./web-socket.ts";
export type { ClientIn, ClientOut, Messages, StandardSchema } from "@longwire/engine";
