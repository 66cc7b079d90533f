/** The part of the standard's WebSocket that the client uses: those of browsers, Node, undici and ws fit. */

export interface WebSocketLike {
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  binaryType: string;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void;
}

/** What the events of the four kinds carry, in one. */
export interface WebSocketEvent {
  readonly type: string;
  /** `message` */
  readonly data?: unknown;
  /** `close` */
  readonly code?: number;
  readonly reason?: string;
  readonly wasClean?: boolean;
  /** `error`, outside browsers */
  readonly error?: unknown;
}

export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;
