/**
 * Every error of the engine, and every stable code.
 *
 *     WebSocketError        base; `code` names the cause, stable across releases
 *     ├─ HandshakeError     the opening handshake failed; `status` is the HTTP status of the refusal
 *     ├─ ProtocolError      the peer broke a rule or a limit; `closeCode` is what we answer with (§7.1.7)
 *     ├─ CloseError         the connection has ended; `code` is the close code (a number)
 *     ├─ DeadlineError      a deadline or a soft timeout passed
 *     └─ ValidationError    a message does not fit its schema; `issues` lists path and reason
 */

import { closeCodeName } from "./close-code.ts";

/** What went wrong. docs/error-codes.md explains each one. */
export const ERROR_CODES = [
  // opening handshake
  "WS_BAD_HANDSHAKE",
  "WS_NOT_ATTACHED",
  "WS_HANDSHAKE_TIMEOUT",
  "WS_HANDSHAKE_ABORTED",
  "WS_SERVER_CLOSING",
  "WS_DIAL_FAILED",
  "WS_PROXY_REFUSED",
  // the peer's frames
  "WS_MASK_MISSING",
  "WS_MASK_UNEXPECTED",
  "WS_RSV_UNEXPECTED",
  "WS_OPCODE_UNKNOWN",
  "WS_PAYLOAD_LENGTH_NOT_MINIMAL",
  "WS_PAYLOAD_LENGTH_TOO_LARGE",
  "WS_CONTROL_FRAGMENTED",
  "WS_CONTROL_TOO_LONG",
  "WS_CONTINUATION_UNEXPECTED",
  "WS_DATA_BEFORE_FIN",
  "WS_CLOSE_PAYLOAD_INVALID",
  "WS_CLOSE_CODE_INVALID",
  "WS_UTF8_INVALID",
  "WS_DEFLATE_INVALID",
  "WS_READ_LIMIT",
  // this side
  "WS_CLOSED",
  "WS_CLOSE_SENT",
  "WS_BUFFER_LIMIT",
  "WS_TIMEOUT",
  "WS_READ_DEADLINE",
  "WS_WRITE_DEADLINE",
  "WS_PONG_TIMEOUT",
  "WS_WRITER_CLOSED",
  // message contents
  "WS_JSON_INVALID",
  "WS_VALIDATION",
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Base of every error that the engine makes. Match `code`, never the text. */
export class WebSocketError extends Error {
  override readonly name: string = "WebSocketError";
  /** Names the cause; in a {@link CloseError} the number of the close frame. */
  readonly code: ErrorCode | number;

  constructor(code: ErrorCode | number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The HTTP response that ended a handshake; `body` holds its first 1 KiB at most. */
export interface HandshakeResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The opening handshake failed (RFC 6455 §4). */
export class HandshakeError extends WebSocketError {
  override readonly name: string = "HandshakeError";
  declare readonly code: ErrorCode;
  /** Server: the HTTP status to answer with. Client: the status received, 0 when there was none. */
  readonly status: number;
  /** Client only: the response that refused. */
  readonly response: HandshakeResponse | undefined;

  constructor(
    status: number,
    message: string,
    options: ErrorOptions & { code?: ErrorCode; response?: HandshakeResponse } = {},
  ) {
    super(options.code ?? "WS_BAD_HANDSHAKE", message, options);
    this.status = status;
    this.response = options.response;
  }
}

/** The peer broke RFC 6455 or one of our limits. The connection has been failed (§7.1.7). */
export class ProtocolError extends WebSocketError {
  override readonly name: string = "ProtocolError";
  declare readonly code: ErrorCode;
  /** Status code of the close frame that we send, e.g. 1002 or 1009. */
  readonly closeCode: number;

  constructor(code: ErrorCode, closeCode: number, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.closeCode = closeCode;
  }
}

/** How a connection ended. `code` is 1005 when the close frame had none, 1006 when there was no close frame. */
export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
  /** Both close frames were exchanged (§7.1.4). */
  readonly wasClean: boolean;
}

/** The connection has ended. `code` is the number of the peer's close frame, 1005 or 1006 without one (§7.1.5). */
export class CloseError extends WebSocketError implements CloseInfo {
  override readonly name: string = "CloseError";
  declare readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(end: CloseInfo, options?: ErrorOptions) {
    const name = closeCodeName(end.code);
    super(
      end.code,
      `connection closed with ${end.code}${name === undefined ? "" : ` (${name})`}${end.reason === "" ? "" : `: ${end.reason}`}`,
      options,
    );
    this.reason = end.reason;
    this.wasClean = end.wasClean;
  }
}

/**
 * A wait took too long. `WS_TIMEOUT` is soft: the connection stays usable.
 * `WS_READ_DEADLINE` and `WS_WRITE_DEADLINE` are sticky.
 */
export class DeadlineError extends WebSocketError {
  override readonly name: string = "DeadlineError";
  declare readonly code: ErrorCode;
}

/** One reason why a message does not fit: where in the value, and what is wrong there. */
export interface ValidationIssue {
  readonly message: string;
  readonly path: ReadonlyArray<PropertyKey>;
}

/** A message does not fit the schema of its route. */
export class ValidationError extends WebSocketError {
  override readonly name: string = "ValidationError";
  declare readonly code: ErrorCode;
  readonly issues: ReadonlyArray<ValidationIssue>;

  constructor(issues: ReadonlyArray<ValidationIssue>, options?: ErrorOptions) {
    const first = issues[0];
    const where =
      first === undefined || first.path.length === 0
        ? ""
        : ` at ${first.path.map(String).join(".")}`;
    const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
    super(
      "WS_VALIDATION",
      `message does not fit its schema: ${first?.message ?? "invalid"}${where}${more}`,
      options,
    );
    this.issues = issues;
  }
}
