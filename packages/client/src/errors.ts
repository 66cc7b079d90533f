/** What ends a connection or an iteration: classes of our own, since nothing of the engine is imported at run time. */

import type { ValidationIssue } from "@longwire/engine";

/** How a connection ended. `code` is 1005 when the close frame had none, 1006 when there was no close frame. */
export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
  /** Both close frames were exchanged (RFC 6455 §7.1.4). */
  readonly wasClean: boolean;
}

/** The connection has ended, or never opened. `cause` holds the error where the WebSocket tells one: browsers do not. */
export class CloseError extends Error implements CloseInfo {
  override readonly name: string = "CloseError";
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(message: string, { code, reason, wasClean }: CloseInfo, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

/** The server sent what is not JSON (`WS_JSON_INVALID`) or does not fit the schema (`WS_VALIDATION`). */
export class InvalidMessageError extends Error {
  override readonly name: string = "InvalidMessageError";
  readonly code: "WS_JSON_INVALID" | "WS_VALIDATION";
  /** What is wrong and where; empty for what is not JSON. */
  readonly issues: ReadonlyArray<ValidationIssue>;

  constructor(
    code: "WS_JSON_INVALID" | "WS_VALIDATION",
    message: string,
    issues: ReadonlyArray<ValidationIssue> = [],
    options?: ErrorOptions,
  ) {
    super(`message is not what was agreed: ${message}`, options);
    this.code = code;
    this.issues = issues;
  }
}
