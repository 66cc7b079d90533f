/** The HTTP/2 connections of a server: they are told that extended CONNECT is spoken here, and closed with the server. RFC 8441 §3. */

import type { Http2Server, Http2Session, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { LINGER_MS } from "./refuse-socket.ts";

/** "Upon receipt of SETTINGS_ENABLE_CONNECT_PROTOCOL with a value of 1, a client MAY use the Extended CONNECT" §3 */
const SETTINGS = { enableConnectProtocol: true } as const;

export class Http2Sessions {
  /** The sockets that carry them; `undefined` for one that was open before the server was attached. */
  readonly #carriers: Map<Http2Session, Socket | undefined> = new Map();
  #newest: Http2Session | undefined;
  #closing = false;

  /** Switches the setting on, and listens from here on. */
  constructor(server: Http2Server) {
    server.updateSettings(SETTINGS);
    server.on("session", this.#onSession);
    // Node makes the session of a socket inside of these events, before this listener has its turn.
    server.on("connection", this.#onCarrier);
    server.on("secureConnection", this.#onCarrier);
  }

  readonly #onSession = (session: ServerHttp2Session): void => {
    this.#newest = session;
    this.#add(session, undefined);
    if (this.#closing) session.close(); // its TLS handshake was under way when the server stopped listening
  };

  readonly #onCarrier = (socket: Socket): void => {
    const session = this.#newest;
    this.#newest = undefined;
    if (session !== undefined && this.#carriers.has(session)) this.#carriers.set(session, socket);
  };

  /** A session that was there before the server was attached shows itself by its next request. */
  see(session: Http2Session | undefined): void {
    if (session === undefined || session.destroyed || this.#carriers.has(session)) return;
    this.#add(session, undefined);
    session.settings(SETTINGS);
  }

  #add(session: Http2Session, carrier: Socket | undefined): void {
    this.#carriers.set(session, carrier);
    session.once("close", () => this.#carriers.delete(session));
  }

  /** Takes no more requests. An idle session ends at once, any other with its last stream. */
  close(): void {
    this.#closing = true;
    for (const session of this.#carriers.keys()) if (!session.closed) session.close();
  }

  /** The server listens again. */
  reopen(): void {
    this.#closing = false;
  }

  /** Drops, a second later, the sockets of sessions that have ended but whose peers do not take their last bytes. */
  dropStuck(): void {
    if (this.#carriers.size === 0) return;
    const drop = (): void => {
      for (const [session, carrier] of this.#carriers) if (session.destroyed) carrier?.destroy();
    };
    setTimeout(drop, LINGER_MS).unref(); // whatever else is open keeps the process alive
  }
}
