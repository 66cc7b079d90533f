/**
 * A gateway from HTTP/1.1 to an HTTP/2 server, as proxies have it: so the clients of the behaviour suite, which speak
 * HTTP/1.1, try a server over HTTP/2. All requests share one HTTP/2 connection.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { nextEvent } from "./wait.ts";

const OF_HTTP_1 = ["connection", "upgrade", "keep-alive", "host", "sec-websocket-key", "te"];

/** The fields that cross over, every line of them. */
function fieldsOf(request: IncomingMessage): Record<string, string[]> {
  const fields: Record<string, string[]> = {};
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at]!.toLowerCase();
    if (!OF_HTTP_1.includes(name)) (fields[name] ??= []).push(request.rawHeaders[at + 1]!);
  }
  return fields;
}

function linesOf(headers: IncomingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(":") || value === undefined
      ? []
      : [value].flat().map((one) => `${name}: ${one}`),
  );
}

function acceptOf(request: IncomingMessage): string {
  const key = request.headers["sec-websocket-key"] ?? "";
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** The head of the response to an upgrade request. */
function headOf(request: IncomingMessage, headers: IncomingHttpHeaders): string[] {
  const status = Number(headers[":status"]);
  const first =
    status === 200
      ? [
          "HTTP/1.1 101 Switching Protocols",
          "Upgrade: websocket",
          "Connection: Upgrade",
          `Sec-WebSocket-Accept: ${acceptOf(request)}`,
        ]
      : [`HTTP/1.1 ${status} Refused`, "Connection: close"];
  return [...first, ...linesOf(headers)];
}

/** A reset on either side is one on the other. Early bytes of the client do not wait for the server's answer. */
function join(socket: Socket, stream: ClientHttp2Stream): void {
  socket.pipe(stream);
  socket.once("close", () => {
    if (!socket.readableEnded) stream.close(constants.NGHTTP2_CANCEL);
  });
  stream.once("close", () => {
    const whole = stream.rstCode === constants.NGHTTP2_NO_ERROR && stream.readableEnded;
    if (whole) socket.end();
    else socket.resetAndDestroy();
  });
}

export class Http2Gateway {
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  readonly #port: number;
  #session: ClientHttp2Session | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((request, response) => this.#forward(request, response));
    this.#server.on("upgrade", (request, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket as Socket, head),
    );
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Listens on a free port of 127.0.0.1, in front of a server that speaks HTTP/2 without TLS on another one. */
  static async to(port: number): Promise<Http2Gateway> {
    const gateway = new Http2Gateway(port);
    gateway.#server.listen(0, "127.0.0.1");
    await nextEvent(gateway.#server, "listening");
    return gateway;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // a TCP address is never a string
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#session?.destroy();
  }

  /** The one session, or a new one in place of one that takes no more requests. */
  async #connected(): Promise<ClientHttp2Session> {
    const current = this.#session;
    if (current !== undefined && !current.closed && !current.destroyed) return current;
    const session = connect(`http://127.0.0.1:${this.#port}`);
    session.on("error", () => {});
    this.#session = session;
    await new Promise<void>((resolve, reject) => {
      session.once("remoteSettings", () => resolve());
      session.once("close", () => reject(new Error("no connection over HTTP/2")));
    });
    return session;
  }

  async #request(
    request: IncomingMessage,
    pseudo: OutgoingHttpHeaders,
    endStream: boolean,
  ): Promise<ClientHttp2Stream> {
    const session = await this.#connected();
    const fields: OutgoingHttpHeaders = {
      ...fieldsOf(request),
      ":scheme": "http",
      ":path": request.url,
      ":authority": request.headers.host,
      ...pseudo,
    };
    const stream = session.request(fields, { endStream });
    stream.on("error", () => {}); // its `close` says the same
    return stream;
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const pseudo = { ":method": "CONNECT", ":protocol": "websocket" };
    const asked = this.#request(request, pseudo, false);
    asked.then(
      (stream) => {
        if (socket.destroyed) stream.close(constants.NGHTTP2_CANCEL);
        stream.write(head);
        join(socket, stream);
        stream.once("response", (headers: IncomingHttpHeaders) => {
          socket.write(`${headOf(request, headers).join("\r\n")}\r\n\r\n`, "latin1");
          stream.pipe(socket);
        });
      },
      () => socket.destroy(),
    );
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const asked = this.#request(request, { ":method": request.method }, false);
    asked.then(
      (stream) => {
        request.pipe(stream);
        stream.once("response", (headers: IncomingHttpHeaders) => {
          response.statusCode = Number(headers[":status"]);
          for (const [name, value] of Object.entries(headers)) {
            if (!name.startsWith(":") && value !== undefined) response.setHeader(name, value);
          }
          stream.pipe(response);
        });
        stream.once("close", () => {
          if (!response.headersSent) response.destroy();
        });
      },
      () => response.destroy(),
    );
  }
}
