/** The only door of the engine: everything public, by name. */

export { CloseCode } from "./close-code.ts";
export type { CompressionOptions } from "./extensions/compression-options.ts";
export {
  CloseError,
  DeadlineError,
  ERROR_CODES,
  HandshakeError,
  ProtocolError,
  ValidationError,
  WebSocketError,
} from "./errors.ts";
export type { CloseInfo, ErrorCode, HandshakeResponse, ValidationIssue } from "./errors.ts";
export { Message, MessageType } from "./messages/message.ts";
export { checkContractNames, checksOf } from "./messages/contract.ts";
export type {
  ClientIn,
  ClientOut,
  In,
  Jsonified,
  MessageChecks,
  Messages,
  Out,
  SchemaIssue,
  SchemaResult,
  StandardSchema,
} from "./messages/contract.ts";
export { checksByValidators } from "./messages/validator.ts";
export type { Validator } from "./messages/validator.ts";
export type { DataType, MessageCheck } from "./messages/message.ts";
export { PreparedMessage } from "./messages/prepared-message.ts";
export type { PreparedPayload } from "./messages/prepared-message.ts";
export { BroadcastGroup } from "./conn/broadcast-group.ts";
export { formatCloseMessage, isCloseError, isUnexpectedCloseError } from "./conn/close-errors.ts";
export { asWebSocket } from "./conn/as-websocket.ts";
export type { ConnWebSocket } from "./conn/as-websocket.ts";
export type {
  WebSocketCloseEvent,
  WebSocketErrorEvent,
  WebSocketEvents,
  WebSocketMessageEvent,
} from "./conn/websocket-events.ts";
export { Conn } from "./conn/conn.ts";
export type {
  CloseHandler,
  ConnData,
  ControlType,
  HttpVersion,
  JSONOptions,
  NetConn,
  PingHandler,
  WriteOptions,
} from "./conn/conn.ts";
export { toDuplex } from "./conn/conn-stream.ts";
export type { DuplexOptions } from "./conn/conn-stream.ts";
export type { ForEachOptions } from "./conn/each-reader.ts";
export { joinMessages } from "./conn/join-messages.ts";
export type { HoldOptions } from "./conn/lifetime.ts";
export { ConnRegistry } from "./conn/conn-registry.ts";
export type { DrainOptions } from "./conn/conn-registry.ts";
export type { ConnOptions, HeartbeatOptions } from "./conn/limits.ts";
export { MessageReader } from "./conn/message-reader.ts";
export { MessageWriter } from "./conn/message-writer.ts";
export { memoryPair } from "./transport/memory-pair.ts";
export { openConn } from "./conn/open-conn.ts";
export type { OpenConnInit } from "./conn/open-conn.ts";
export type { Payload } from "./conn/payload.ts";
export { runHandler } from "./conn/run-handler.ts";
export type { WaitOptions } from "./conn/wait.ts";
export type { BufferPool } from "./conn/write-buffer.ts";
export { decideUpgrade, sendAccepted } from "./server/decide-upgrade.ts";
export type { RouteSession } from "./server/decide-upgrade.ts";
export type { UpgradePolicy, UpgradeSite } from "./server/check-upgrade.ts";
export { sendDecision } from "./server/refusal.ts";
export type { UpgradeDecision } from "./server/refusal.ts";
export { attach } from "./server/upgrade-listener.ts";
export type { AttachOptions, ResponseClass } from "./server/attach-options.ts";
export type { AttachableApp, AttachableServer, Attachment } from "./server/upgrade-listener.ts";
export type { ShutdownOptions } from "./server/shutdown.ts";
export type {
  CheckOrigin,
  RefusalResponse,
  UpgraderOptions,
  WriteRefusal,
} from "./server/upgrade-options.ts";
export { isRouteOption } from "./server/option-names.ts";
export { Upgrader } from "./server/upgrader.ts";
export type { HeaderInput } from "./opening-handshake/header-fields.ts";
export type { SubprotocolPreference } from "./opening-handshake/subprotocol.ts";
export { SocketRoute } from "./server/socket-route.ts";
export type { RouteOptions, RouteRequest } from "./server/socket-route.ts";
export { isWebSocketUpgrade, subprotocols } from "./opening-handshake/server-handshake.ts";
export { http2Listener } from "./server/http2-listener.ts";
export type { Http2Listener } from "./server/http2-listener.ts";
export { serveUpgrade } from "./server/serve-upgrade.ts";
export { requestWithoutPeer } from "./server/fetch-request.ts";
export { runCallbacks } from "./server/run-callbacks.ts";
export type { ConnCallbacks } from "./server/run-callbacks.ts";
export { connectInMemory } from "./client/connect-in-memory.ts";
export type { ConnectedInMemory, ConnectInMemoryOptions } from "./client/connect-in-memory.ts";
export { connectToApp } from "./connect-to-app.ts";
export type { TestConn } from "./connect-to-app.ts";
export { dial, Dialer } from "./client/dialer.ts";
export type { Dialed } from "./client/dialer.ts";
export type {
  DialAddress,
  DialerOptions,
  DialHook,
  DialHookContext,
  DialOptions,
  DialTlsOptions,
  ProxyFunction,
} from "./client/dial-options.ts";
export type { DialEvent, DialPhase } from "./client/dial-progress.ts";
export type { CookieJar } from "./client/cookie-jar.ts";
export { proxyFromEnvironment } from "./client/proxy-from-environment.ts";
export type { Environment } from "./client/proxy-from-environment.ts";
export { isTemporary, reconnecting } from "./client/reconnecting.ts";
export type { DialsConns, Loss, ReconnectOptions } from "./client/reconnecting.ts";
export type { BackOffOptions } from "./client/back-off.ts";
export type { Credentials } from "./opening-handshake/basic-auth.ts";
