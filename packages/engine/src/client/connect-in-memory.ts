/** A connection to a server of the same process, without a port: for the tests of applications. */

import { request as sendRequest, type IncomingMessage, type Server } from "node:http";
import { Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { HandshakeError, type HandshakeResponse } from "../errors.ts";
import type { Conn } from "../conn/conn.ts";
import type { ConnOptions } from "../conn/limits.ts";
import { openConn } from "../conn/open-conn.ts";
import { createKey } from "../opening-handshake/accept-key.ts";
import {
  buildHandshakeRequest,
  checkHandshakeResponse,
  type ClientHandshakeRequest,
} from "../opening-handshake/client-handshake.ts";
import type { HeaderInput } from "../opening-handshake/header-fields.ts";
import { memoryPair } from "../transport/memory-pair.ts";

export interface ConnectInMemoryOptions extends ConnOptions {
  /** More headers of the request, such as Cookie, Authorization or Origin. @default Host: localhost */
  readonly headers?: HeaderInput | undefined;
  /** Offered in this order. @default none */
  readonly subprotocols?: readonly string[] | undefined;
  /** Address that the server sees as its peer's. @default "127.0.0.1" */
  readonly address?: string | undefined;
  /** Gives up the handshake. @default never: the server has its own timeout */
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectedInMemory {
  /** The client's end. */
  readonly conn: Conn;
  /** The 101. */
  readonly response: HandshakeResponse;
}

/**
 * Connects to a server without listening: a stream in memory is handed to it as a connection, and takes the way of
 * every other one through the server's listeners. Both ends are real connections.
 *
 * @param path - Path and query.
 * @throws HandshakeError with `status` and `response`, its whole body included, when the server refuses; with status 0
 * when it ends the stream; the signal's reason; TypeError for a path or header that cannot be sent.
 */
export async function connectInMemory(
  server: Server | TlsServer,
  path: string,
  options: ConnectInMemoryOptions = {},
): Promise<ConnectedInMemory> {
  if (!path.startsWith("/")) throw new TypeError(`path must begin with "/", got ${path}`);
  const { headers, subprotocols, address = "127.0.0.1", signal, ...conn } = options;
  signal?.throwIfAborted();
  const place = { secure: false, hostname: "localhost", port: 80, host: "localhost" };
  const target = { ...place, target: path };
  const handshake = buildHandshakeRequest(target, { key: createKey(), headers, subprotocols });
  const [ours, theirs] = memoryPair();
  const overTls = server instanceof TlsServer;
  // What frameworks look at on a socket.
  Object.assign(theirs, { remoteAddress: address, ...(overTls ? { encrypted: true } : {}) });
  server.emit(overTls ? "secureConnection" : "connection", theirs);
  const { response, head, body } = await exchange(ours, handshake, signal);
  // The server's end opens when it has seen its 101 go out.
  await new Promise<void>((resolve) => setImmediate(resolve));
  const { subprotocol, extensions } = checkHandshakeResponse(handshake, response, body);
  const { statusCode: status = 0, statusMessage: statusText = "" } = response;
  return {
    conn: openConn(ours, head, { role: "client", options: conn, subprotocol, extensions }),
    response: { status, statusText, headers: response.headers, body },
  };
}

interface Answer {
  readonly response: IncomingMessage;
  /** What came behind a 101. */
  readonly head: Buffer;
  /** Of any other response. */
  readonly body: Buffer;
}

const NOTHING: Buffer = Buffer.alloc(0);

/** Sends the request and awaits its whole answer. */
function exchange(
  stream: Duplex,
  { method, target, headers }: ClientHandshakeRequest,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    const request = sendRequest({
      method,
      path: target,
      createConnection: () => stream,
      setHost: false, // it is among the headers
    });
    const fail = (cause: unknown): void => {
      const reason = "the server ended the connection before it had answered the handshake";
      reject(
        signal?.aborted === true
          ? (signal.reason as Error) // the caller's own
          : new HandshakeError(0, reason, { code: "WS_HANDSHAKE_ABORTED", cause }),
      );
    };
    const onAbort = (): void => void request.destroy();
    signal?.addEventListener("abort", onAbort, { once: true });
    request.once("close", () => signal?.removeEventListener("abort", onAbort));
    request.on("error", fail);
    request.once("upgrade", (response, _stream, head) =>
      resolve({ response, head, body: NOTHING }),
    );
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", fail);
      response.once("end", () => {
        stream.destroy();
        resolve({ response, head: NOTHING, body: Buffer.concat(chunks) });
      });
    });
    for (const [name, value] of headers) request.appendHeader(name, value);
    request.end();
  });
}
