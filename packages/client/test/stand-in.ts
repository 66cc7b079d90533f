/** A WebSocket without a network: a test opens it, fills it and ends it. */
import type { WebSocketEvent, WebSocketLike } from "../src/index.ts";

export class StandIn implements WebSocketLike {
  /** Every one made since the test began. */
  static readonly made: StandIn[] = [];

  readonly url: string;
  readonly protocols: string[] | undefined;
  readonly protocol = "";
  binaryType = "blob";
  readyState = 0;
  bufferedAmount = 0;
  readonly sent: string[] = [];
  readonly closes: [number | undefined, string | undefined][] = [];
  readonly #listeners = new Map<string, (event: WebSocketEvent) => void>();

  constructor(url: string, protocols?: string[]) {
    this.url = url;
    this.protocols = protocols;
    StandIn.made.push(this);
  }

  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void {
    this.#listeners.set(type, listener);
  }

  send(data: string): void {
    this.sent.push(data);
  }

  /** Closes like a peer that answers at once. */
  close(code?: number, reason?: string): void {
    if (this.readyState > 1) return;
    this.closes.push([code, reason]);
    const opened = this.readyState === 1;
    this.readyState = 2;
    queueMicrotask(() => this.end(opened ? (code ?? 1005) : 1006, reason));
  }

  open(): void {
    this.readyState = 1;
    this.#emit({ type: "open" });
  }

  receive(data: string): void {
    this.#emit({ type: "message", data });
  }

  end(code: number, reason = ""): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#emit({ type: "close", code, reason, wasClean: code !== 1006 });
  }

  setBuffered(bytes: number): void {
    this.bufferedAmount = bytes;
  }

  #emit(event: WebSocketEvent): void {
    this.#listeners.get(event.type)?.(event);
  }
}
