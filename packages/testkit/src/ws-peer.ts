/** A client made of `ws`: an independent implementation, so that both sides do not share a mistake. */
import type { IncomingMessage } from "node:http";
import { WebSocket, type ClientOptions } from "ws";
import { rawResponse, type RawResponse } from "./raw-http.ts";
import { deferred, Inbox, within } from "./wait.ts";

/** One message: text as a string, binary as a Buffer. */
export type WsMessage = string | Buffer;

export interface WsPeerOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly origin?: string;
  readonly subprotocols?: readonly string[];
  /** Offer permessage-deflate. @default false */
  readonly compression?: boolean;
}

function clientOptions(o: WsPeerOptions): ClientOptions {
  const options: ClientOptions = { perMessageDeflate: o.compression ?? false };
  if (o.headers !== undefined) options.headers = { ...o.headers };
  if (o.origin !== undefined) options.origin = o.origin;
  return options;
}

function headerPairs(response: IncomingMessage): Array<[string, string]> {
  const pairs: Array<[string, string]> = [];
  const raw = response.rawHeaders;
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return pairs;
}

async function readResponse(response: IncomingMessage): Promise<RawResponse> {
  let body = "";
  if (response.statusCode !== 101) {
    for await (const chunk of response) body += String(chunk);
  }
  return rawResponse({
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? "",
    headers: headerPairs(response),
    body,
  });
}

export class WsPeer implements Disposable {
  readonly socket: WebSocket;
  /** The server's 101. */
  readonly response: RawResponse;
  readonly messages: Inbox<WsMessage> = new Inbox("a message from the server");
  /** How the connection ended, as `ws` saw it. */
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(socket: WebSocket, response: RawResponse) {
    this.socket = socket;
    this.response = response;
    const closed = deferred<{ code: number; reason: string }>();
    this.closed = closed.promise;
    socket.on("close", (code: number, reason: Buffer) => {
      closed.resolve({ code, reason: reason.toString() });
    });
    socket.on("message", (bytes: Buffer, isBinary: boolean) => {
      this.messages.push(isBinary ? bytes : bytes.toString());
    });
  }

  /** Opens a connection; throws when the server answers with anything but a 101. */
  static async open(url: string, o: WsPeerOptions = {}): Promise<WsPeer> {
    const outcome = await WsPeer.#handshake(url, o);
    if (outcome instanceof WsPeer) return outcome;
    throw new Error(`expected a 101 from ${url}, got ${outcome.status}: ${outcome.body}`);
  }

  /** Tries to open a connection and answers with the refusal; throws when there is none. */
  static async refused(url: string, o: WsPeerOptions = {}): Promise<RawResponse> {
    const outcome = await WsPeer.#handshake(url, o);
    if (!(outcome instanceof WsPeer)) return outcome;
    outcome[Symbol.dispose]();
    throw new Error(`expected ${url} to refuse, got a 101`);
  }

  static async #handshake(url: string, o: WsPeerOptions): Promise<WsPeer | RawResponse> {
    const socket = new WebSocket(url, [...(o.subprotocols ?? [])], clientOptions(o));
    const outcome = deferred<WsPeer | RawResponse>();
    socket.on("upgrade", (response) => {
      // The peer listens from here on: a message may stand in the same packet as the 101.
      const head = rawResponse({
        status: 101,
        statusText: response.statusMessage ?? "",
        headers: headerPairs(response),
        body: "",
      });
      const peer = new WsPeer(socket, head);
      socket.once("open", () => {
        outcome.resolve(peer);
      });
    });
    socket.on("unexpected-response", (request, response) => {
      readResponse(response)
        .then(outcome.resolve, outcome.reject)
        .finally(() => request.destroy());
    });
    socket.on("error", outcome.reject);
    return within(outcome.promise, `the answer to an upgrade of ${url}`);
  }

  send(message: WsMessage): void {
    this.socket.send(message);
  }

  /** Takes the next message. */
  async next(): Promise<WsMessage> {
    return this.messages.next();
  }

  /** Sends a ping and awaits its pong: after it the server has read everything sent before. */
  async roundTrip(): Promise<void> {
    const answered = deferred();
    this.socket.once("pong", () => {
      answered.resolve();
    });
    this.socket.ping();
    await within(answered.promise, "the pong to our ping");
  }

  /** Performs the closing handshake and awaits its end. */
  async close(code: number = 1000, reason: string = ""): Promise<{ code: number; reason: string }> {
    this.socket.close(code, reason);
    return this.awaitClosed();
  }

  /** Awaits the end of the connection. */
  async awaitClosed(ms?: number): Promise<{ code: number; reason: string }> {
    return within(this.closed, "the server to close the connection", ms);
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}
