/** The one `upgrade` listener of a server: every WebSocket request goes through here, whatever the framework. */

import { ServerResponse, type IncomingMessage, type Server } from "node:http";
import type { Http2SecureServer, Http2Server } from "node:http2";
import type { Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { ConnRegistry } from "../conn/conn-registry.ts";
import { milliseconds } from "../conn/limits.ts";
import type { AttachOptions, ResponseClass } from "./attach-options.ts";
import { dispatch, type AppListener } from "./dispatch.ts";
import { afterEarlierResponse } from "./earlier-response.ts";
import {
  listenToStreams,
  othersListen,
  upgradeRequest,
  type TakeStream,
} from "./extended-connect-listener.ts";
import { keepHttp, replayAsHttp } from "./h2c-replay.ts";
import { Http2Sessions } from "./http2-sessions.ts";
import { checkAttachOptionNames } from "./option-names.ts";
import { watchForTaker } from "./other-listeners.ts";
import { receiveUpgrade, type Reception } from "./receive-upgrade.ts";
import { guardSocket, refuseSocket } from "./refuse-socket.ts";
import { printFault } from "./report-fault.ts";
import { DEFAULT_DRAIN_TIMEOUT_MS, Drain, watchClose, type ShutdownOptions } from "./shutdown.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS } from "./upgrade-options.ts";
import { asksForWebSocket, lostHeaders } from "./upgrade-request.ts";

/** An app on its server. */
export interface Attachment {
  /** The open connections. */
  readonly conns: ConnRegistry;
  /**
   * Refuses new upgrades with 503, closes the connections and resolves when they are gone. `server.close()` does the
   * same by itself; the server goes on with ordinary requests until then.
   *
   * @throws RangeError naming the option and its value.
   */
  close(options?: ShutdownOptions): Promise<void>;
}

/** A server of node:http, node:https or node:http2; over HTTP/2 WebSockets come by extended CONNECT (RFC 8441). */
export type AttachableServer = Server | TlsServer | Http2Server | Http2SecureServer;

/** A request listener (Express, Fastify's `routing`, your own async one), or a Koa app. */
export type AttachableApp = AppListener | { callback(): AppListener };

interface Attached extends Reception {
  readonly listener: AppListener;
  readonly only: ((request: IncomingMessage) => boolean) | undefined;
  readonly home: Drain;
}

const NOTHING: Buffer = Buffer.alloc(0);

function asHttp2(server: object): Http2Server | undefined {
  return "updateSettings" in server ? (server as Http2Server) : undefined; // no other server has it
}

class UpgradeListener {
  readonly #server: Server;
  readonly #attached: Attached[] = [];

  constructor(server: Server) {
    this.#server = server;
    keepHttp(server);
    server.on("upgrade", this.#onUpgrade);
    const http2 = asHttp2(server);
    const sessions = http2 === undefined ? undefined : new Http2Sessions(http2);
    if (http2 !== undefined && sessions !== undefined) {
      listenToStreams(http2, sessions, this.#takeStream);
    }
    watchClose(
      server,
      () => {
        const drained = this.#attached.map(({ home }) => home.begin().catch(printFault));
        sessions?.close();
        void Promise.all(drained).then(() => sessions?.dropStuck());
      },
      () => {
        sessions?.reopen();
        for (const { home } of this.#attached) home.reopen();
      },
    );
  }

  /** @throws TypeError when it could never be asked. */
  add(attached: Attached): void {
    if (attached.only === undefined && this.#attached.some(({ only }) => only === undefined)) {
      throw new TypeError(
        "attach: this server has an app already; a second one needs the option `only`",
      );
    }
    this.#attached.push(attached);
  }

  /** Nothing in here may throw: the exception would leave the parser's callback and end the process. */
  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    guardSocket(socket); // node has taken its own listener away: a reset now would be uncaught
    const take = (): void =>
      afterEarlierResponse(socket, () => this.#tryToTake(request, socket, head));
    if (this.#isAlone()) {
      take();
      return;
    }
    const taken = watchForTaker(socket); // the others have no other way to claim a socket than to use it
    queueMicrotask(() => {
      if (!taken()) take();
    });
  };

  #tryToTake(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      this.#take(request, socket, head);
    } catch (error) {
      printFault(error); // of `only`
      refuseSocket(socket, 500);
    }
  }

  #take(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { maxHeadersCount } = this.#server;
    if (!asksForWebSocket(request) && !lostHeaders(request, maxHeadersCount)) {
      replayAsHttp(this.#server, request, socket, head);
      return;
    }
    const attached = this.#choose(request);
    if (attached === undefined) {
      if (this.#isAlone()) refuseSocket(socket, 404);
      return;
    }
    this.#receive(attached, request, socket, head);
  }

  #receive(attached: Attached, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const pending = receiveUpgrade(request, socket, head, attached);
    if (pending !== undefined) dispatch(attached.listener, request, pending);
  }

  /** For the same reason nothing in here may throw. */
  readonly #takeStream: TakeStream = (stream, headers, rawHeaders) => {
    try {
      const request = upgradeRequest(stream, headers, rawHeaders);
      const attached = this.#choose(request);
      if (attached !== undefined) this.#receive(attached, request, stream, NOTHING);
      else if (!othersListen(this.#server)) refuseSocket(stream, 404);
    } catch (error) {
      printFault(error); // of `only`
      refuseSocket(stream, 500);
    }
  };

  #isAlone(): boolean {
    return this.#server.listenerCount("upgrade") === 1;
  }

  /** Those with `only` are asked in the order of their attachment; the one without takes the rest. */
  #choose(request: IncomingMessage): Attached | undefined {
    let whole: Attached | undefined;
    for (const attached of this.#attached) {
      if (attached.only === undefined) whole = attached;
      else if (attached.only(request)) return attached;
    }
    return whole;
  }
}

const listeners = new WeakMap<Server, UpgradeListener>();

/**
 * Lets an app answer the upgrade requests of its server: they run through the app's own middleware and routes, with a
 * real `ServerResponse`, and a WebSocket route makes a connection of them. Everything else stays as it was; of the
 * server itself nothing is changed but `close`, which then drains the connections, and `shouldUpgradeCallback`; of one
 * of HTTP/2 the setting `enableConnectProtocol`, and `close` says goodbye to its sessions too.
 *
 * @param server - Listening or not. Several apps may share one when all but one of them have the option `only`.
 * @throws TypeError | RangeError naming the value; TypeError when the server has an app already.
 */
export function attach(
  server: AttachableServer,
  app: AttachableApp,
  options: AttachOptions = {},
): Attachment {
  // The widest test that every server passes, those of frameworks and of tests included.
  if (typeof server?.on !== "function") {
    throw new TypeError(
      `server must be what app.listen() or http.createServer() returns, got ${typeof server}`,
    );
  }
  checkAttachOptionNames(options);
  const { only, handshakeTimeout, drainTimeout } = options;
  if (only !== undefined && typeof only !== "function") {
    throw new TypeError(`only must be a function, got ${typeof only}`);
  }
  const Response: ResponseClass = options.ServerResponse ?? ServerResponse;
  if (typeof Response !== "function") {
    throw new TypeError(`ServerResponse must be a class, got ${typeof Response}`);
  }
  const drain = new Drain(milliseconds("drainTimeout", drainTimeout, DEFAULT_DRAIN_TIMEOUT_MS));
  const shared = server as Server; // what one of HTTP/2 has not is tested for
  const timeout = milliseconds("handshakeTimeout", handshakeTimeout, DEFAULT_HANDSHAKE_TIMEOUT_MS);
  const attached = {
    listener: listenerOf(app),
    only,
    timeout,
    home: drain,
    server: shared,
    Response,
  };
  const listener = listeners.get(shared) ?? new UpgradeListener(shared);
  listeners.set(shared, listener);
  listener.add(attached);
  return { conns: drain.conns, close: (how) => drain.begin(how) };
}

function listenerOf(app: AttachableApp): AppListener {
  if (typeof app === "function") return app;
  if (typeof app?.callback === "function") return app.callback();
  throw new TypeError(
    `app must be a request listener or have a method callback(), got ${typeof app}`,
  );
}
