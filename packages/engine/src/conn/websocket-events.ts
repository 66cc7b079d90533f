/** The events of a WebSocket as the WHATWG standard has them. */

/** A message: text as a string, binary as `binaryType` says. */
export interface WebSocketMessageEvent extends Event {
  readonly data: string | ArrayBuffer | Blob;
}

/** The end of a connection (RFC 6455 §7.1.4-7.1.6). */
export interface WebSocketCloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** The connection was failed; `close` follows. */
export interface WebSocketErrorEvent extends Event {
  /** Why: absent in browsers, present here. */
  readonly error?: unknown;
  readonly message?: string;
}

export interface WebSocketEvents {
  open: Event;
  message: WebSocketMessageEvent;
  error: WebSocketErrorEvent;
  close: WebSocketCloseEvent;
}

interface CloseEventInit {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

class OwnCloseEvent extends Event implements WebSocketCloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, { code, reason, wasClean }: CloseEventInit) {
    super(type);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

class ErrorEvent extends Event implements WebSocketErrorEvent {
  readonly error: unknown;
  readonly message: string;

  constructor(type: string, error: unknown) {
    super(type);
    this.error = error;
    this.message = error instanceof Error ? error.message : String(error);
  }
}

type CloseEventConstructor = new (type: string, init: CloseEventInit) => WebSocketCloseEvent;

/** The global class where there is one, so that `instanceof` holds: Node has it from 23 on. */
const CloseEvent: CloseEventConstructor =
  (globalThis as { CloseEvent?: CloseEventConstructor }).CloseEvent ?? OwnCloseEvent;

export function messageEvent(data: string | ArrayBuffer | Blob): Event {
  return new MessageEvent("message", { data });
}

export function closeEvent(end: CloseEventInit): Event {
  return new CloseEvent("close", end);
}

export function errorEvent(error: unknown): Event {
  return new ErrorEvent("error", error);
}
