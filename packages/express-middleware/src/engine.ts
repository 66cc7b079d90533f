/** What a user of the adapter needs of the engine. */

export {
  asWebSocket,
  CloseCode,
  CloseError,
  DeadlineError,
  HandshakeError,
  http2Listener,
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
  Attachment,
  AttachOptions,
  ClientIn,
  ClientOut,
  CloseInfo,
  Conn,
  ConnData,
  In,
  Messages,
  Out,
  RouteOptions,
  StandardSchema,
  UpgraderOptions,
} from "@longwire/engine";
