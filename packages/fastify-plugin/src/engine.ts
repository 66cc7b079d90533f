/** What a user of the plugin needs of the engine. */

export {
  asWebSocket,
  CloseCode,
  CloseError,
  DeadlineError,
  HandshakeError,
  isCloseError,
  isUnexpectedCloseError,
  isWebSocketUpgrade,
  Message,
  MessageType,
  PreparedMessage,
  ProtocolError,
  ValidationError,
  WebSocketError,
} from "@longwire/engine";
export type {
  ClientIn,
  ClientOut,
  CloseInfo,
  Conn,
  ConnData,
  ConnRegistry,
  In,
  Messages,
  Out,
  RouteOptions,
  StandardSchema,
  UpgraderOptions,
} from "@longwire/engine";
