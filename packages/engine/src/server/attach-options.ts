/** Options of `attach`: those of a server, whatever its routes. */

import type { IncomingMessage, ServerResponse } from "node:http";

/** A class of responses. */
export type ResponseClass = new (request: IncomingMessage) => ServerResponse;

export interface AttachOptions {
  /**
   * Which WebSocket requests are for this app; the others are left to the server's other `upgrade` listeners, and
   * answered with 404 when there are none. Asked first of all, before any middleware.
   *
   * @default all
   */
  readonly only?: ((request: IncomingMessage) => boolean) | undefined;
  /** Milliseconds from the request to the 101, guards included. After that: 408. @default 10_000 */
  readonly handshakeTimeout?: number | undefined;
  /** Milliseconds that connections have to finish when the server closes. @default 5_000 */
  readonly drainTimeout?: number | undefined;
  /**
   * Class of the responses to upgrade requests, the option of `http.createServer` for the others. It is given the request
   * alone. One that throws is reported, and ends the socket. Not used over HTTP/2.
   *
   * @default that of node:http
   */
  readonly ServerResponse?: ResponseClass | undefined;
}
