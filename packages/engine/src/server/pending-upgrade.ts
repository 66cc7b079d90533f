/**
 * One upgrade request, from its arrival until it has become a connection or never will.
 *
 *     waiting ─accept()─► accepted ─101 finished─► open
 *        └───────────────────┴─ another response, reset, timeout ─► over
 *
 * Over HTTP/2 the socket is the request's stream, and the 101 goes out as 200: stream-response.ts.
 */

import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { HandshakeError, type ErrorCode } from "../errors.ts";
import type { Conn } from "../conn/conn.ts";
import type { ConnRegistry } from "../conn/conn-registry.ts";
import type { Place } from "../conn/roster.ts";
import type { HeaderField, RequestHead } from "../opening-handshake/header-fields.ts";
import { isHttp2Stream } from "../transport/http2-transport.ts";
import type { ResponseClass } from "./attach-options.ts";
import { putHead, takesHead } from "./direct-head.ts";
import { relayDrain, stopRelay } from "./drain-relay.ts";
import { finishResponse } from "./finish-response.ts";
import { endWhole, ignoreError, refuseSocket, unguardSocket } from "./refuse-socket.ts";
import { connectResponse, isSwitching } from "./stream-response.ts";

/** What becomes of an accepted request. Exactly one of the two is called, once. */
export interface Acceptance {
  /** Headers of the 101. */
  readonly headers: readonly HeaderField[];
  /** The 101 is out: the socket is the connection's now. `head` came behind the request. */
  open(socket: Duplex, head: Buffer): Conn;
  /** The 101 will never go out. */
  abandon(error: HandshakeError): void;
}

/** The attached server that a request came to. */
export interface UpgradeHome {
  readonly conns: ConnRegistry;
  /** The server is closing: nothing new is accepted. */
  readonly draining: boolean;
  enter(pending: PendingUpgrade): Place<PendingUpgrade>;
  /** It has become a connection, or never will. */
  leave(place: Place<PendingUpgrade>): void;
}

export interface PendingUpgradeInit {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** Milliseconds to the 101. */
  readonly timeout: number;
  readonly home: UpgradeHome | undefined;
  /** Of what class the response is. */
  readonly Response: ResponseClass;
}

// On the request itself: set and asked for four times, less than half the time of a WeakMap.
const PENDING: unique symbol = Symbol("longwire.pending-upgrade");

interface PendingRequest extends IncomingMessage {
  [PENDING]?: PendingUpgrade;
}

export class PendingUpgrade {
  /**
   * The request as the peer sent it: frameworks rewrite `url`. Express changes the prototype too, whereupon V8 takes
   * half a µs for each access.
   */
  readonly requestHead: RequestHead;
  /** The request is an extended CONNECT of HTTP/2. */
  readonly isExtendedConnect: boolean;
  readonly response: ServerResponse;
  readonly home: UpgradeHome | undefined;
  readonly #receivedAt: number = performance.now();
  /** Held on to while it is pending, and let go of afterwards. */
  #held: PendingUpgradeInit | undefined;
  #acceptance: Acceptance | undefined;
  #sent = false;
  #conn: Conn | undefined;
  #failure: HandshakeError | undefined;
  readonly #place: Place<PendingUpgrade> | undefined;
  #limit: number;
  #isWatched = false;
  #timer: NodeJS.Timeout | undefined;

  /** The upgrade that belongs to a request, pending or past. */
  static of(request: IncomingMessage): PendingUpgrade | undefined {
    return (request as PendingRequest)[PENDING]; // set below, or not at all
  }

  /** @throws Error when an earlier response is still open on the socket. */
  constructor(init: PendingUpgradeInit) {
    const { request, socket } = init;
    const response = isHttp2Stream<ServerHttp2Stream>(socket)
      ? connectResponse(request, socket, this)
      : new init.Response(request);
    response.on("error", ignoreError); // for life: middleware may write after the end
    response.shouldKeepAlive = false;
    // Of a socket the response needs what a Duplex has; node's types ask for more.
    response.assignSocket(socket as Socket);
    const { method, url = "", httpVersionMajor, httpVersionMinor, rawHeaders } = request;
    this.requestHead = { method, url, httpVersionMajor, httpVersionMinor, rawHeaders };
    this.isExtendedConnect = isHttp2Stream(socket);
    this.response = response;
    this.home = init.home;
    this.#held = init;
    this.#limit = init.timeout;
    response.on("finish", onFinish);
    response.on("close", onClose);
    if (this.isExtendedConnect) socket.once("aborted", onAborted);
    this.#place = init.home?.enter(this);
    (request as PendingRequest)[PENDING] = this;
  }

  /** Why the request got no connection; undefined while it is pending, and when it got one. */
  get failure(): HandshakeError | undefined {
    return this.#failure;
  }

  get accepted(): boolean {
    return this.#acceptance !== undefined;
  }

  /** The connection that the request has become. */
  get conn(): Conn | undefined {
    return this.#conn;
  }

  /** Sets the time from the arrival of the request to its 101, in milliseconds. */
  limitTo(timeout: number): void {
    this.#limit = timeout;
    if (this.#isWatched) this.#arm();
  }

  /**
   * Follows once the application has had its first turn, and its promises theirs. Most answers are out by then, and need
   * neither a time limit nor drain events: 9 of the 150 µs of a handshake.
   */
  watch(): void {
    if (this.#isUnderWay()) setImmediate(PendingUpgrade.#onTurnOver, this);
  }

  static readonly #onTurnOver = (pending: PendingUpgrade): void => {
    if (pending.#isWatched || !pending.#isUnderWay()) return;
    pending.#isWatched = true;
    pending.#arm();
    relayDrain(pending.#held!.socket); // under way, so it is held
  };

  #isUnderWay(): boolean {
    const socket = this.#held?.socket;
    if (socket === undefined) return false;
    return this.isExtendedConnect || !this.response.writableEnded || socket.writableLength > 0;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const limit = this.#limit;
    if (this.#held === undefined || limit === Infinity) return;
    const left = Math.max(0, limit - (performance.now() - this.#receivedAt));
    this.#timer = setTimeout(PendingUpgrade.#onTimeout, left, this, limit);
    this.#timer.unref(); // the socket is what keeps the process alive
  }

  /** Marks the request as accepted. What it becomes is decided when its response has finished. */
  accept(acceptance: Acceptance): void {
    this.#acceptance = acceptance;
  }

  /** Sends the 101 through the response as middleware has left it, unless a response was sent or nothing accepted. */
  send(): void {
    const { response } = this;
    const acceptance = this.#acceptance;
    if (acceptance === undefined || this.#held === undefined || this.#sent) return;
    if (response.headersSent || response.writableEnded) return;
    this.#sent = true;
    const { headers } = acceptance;
    response.statusCode = 101;
    response.statusMessage = STATUS_CODES[101]!;
    const names = response.getHeaderNames();
    if (names.length === 0 && !this.isExtendedConnect && takesHead(response)) {
      putHead(response, headers);
    } else {
      prepareHeaders(response, names, headers);
    }
    response.end();
  }

  /**
   * Ends the request from our side: `status` on the socket when no response has begun, else nothing but the end.
   * The response is detached first, so that what a late guard writes into it goes nowhere.
   */
  cut(status: number, code: ErrorCode, reason: string): void {
    const held = this.#settle(new HandshakeError(status, reason, { code }));
    if (held === undefined) return;
    const { response } = this;
    const { socket } = held;
    const begun = response.headersSent;
    finishResponse(response, socket);
    if (begun) socket.destroy();
    else refuseSocket(socket, status);
  }

  static readonly #onTimeout = (pending: PendingUpgrade, timeout: number): void => {
    const { response } = pending;
    if (response.headersSent && !isSwitching(response)) {
      // A download or an event stream takes its time. What the peer sends is dropped from here on, so that its end is
      // seen, and answered as node's HTTP server does; a 101 has no time to take.
      pending.#held?.socket.once("end", () => pending.#held?.socket.end()).resume();
      return;
    }
    pending.cut(408, "WS_HANDSHAKE_TIMEOUT", `no answer to the handshake within ${timeout} ms`);
  };

  /** @internal */
  responseFinished(): void {
    const { statusCode } = this.response;
    const acceptance = this.#acceptance;
    if (isSwitching(this.response) && acceptance !== undefined) {
      this.#open(acceptance);
      return;
    }
    const held = this.#settle(
      new HandshakeError(statusCode, `the application answered with ${statusCode}`),
    );
    if (held === undefined) return;
    finishResponse(this.response, held.socket);
    held.request.resume();
    endWhole(held.socket);
  }

  #open(acceptance: Acceptance): void {
    const held = this.#release();
    if (held === undefined) return;
    finishResponse(this.response, held.socket);
    readToEnd(held.request);
    try {
      this.#conn = acceptance.open(held.socket, held.head);
      unguardSocket(held.socket);
    } catch (cause) {
      held.socket.destroy();
      const failure = new HandshakeError(500, "the connection could not be opened", { cause });
      this.#failure = failure;
      acceptance.abandon(failure);
    }
  }

  /** @internal */
  responseClosed(): void {
    const reason = "the peer went away before the handshake was answered";
    const held = this.#settle(new HandshakeError(400, reason, { code: "WS_HANDSHAKE_ABORTED" }));
    // Guards listen to it: node no longer tells the request since the parser has let go of the socket.
    held?.request.destroy();
  }

  /** Ends the wait without a connection. Returns what was held, or undefined when it had ended before. */
  #settle(failure: HandshakeError): PendingUpgradeInit | undefined {
    const held = this.#release();
    if (held === undefined) return undefined;
    this.#failure = failure;
    this.#acceptance?.abandon(failure);
    return held;
  }

  /** Lets go of everything: an open connection must not keep its request and response. */
  #release(): PendingUpgradeInit | undefined {
    const held = this.#held;
    if (held === undefined) return undefined;
    this.#held = undefined;
    if (this.#isWatched) {
      clearTimeout(this.#timer);
      stopRelay(held.socket);
    }
    this.response.off("finish", onFinish);
    this.response.off("close", onClose);
    if (this.isExtendedConnect) held.socket.off("aborted", onAborted);
    if (this.#place !== undefined) this.home?.leave(this.#place);
    return held;
  }
}

/** As node does when a response has finished: `end` and `close` follow. A tick less where nothing but the end is left. */
function readToEnd(request: IncomingMessage): void {
  if (request.complete && request.readableLength === 0) request.read();
  else request.resume();
}

// One function of each for all upgrades.
function onFinish(this: ServerResponse): void {
  PendingUpgrade.of(this.req)?.responseFinished();
}

function onClose(this: ServerResponse): void {
  PendingUpgrade.of(this.req)?.responseClosed();
}

/** RST_STREAM: with NO_ERROR, and with bytes that nobody has read, node would wait for ever to have them read. */
function onAborted(this: Duplex): void {
  this.destroy();
}

/** What the application may have set that a 101 cannot have: a body, and extensions that nobody speaks. */
const UNFIT_HEADERS: ReadonlySet<string> = new Set([
  "content-length",
  "content-type",
  "content-encoding",
  "transfer-encoding",
  "sec-websocket-extensions",
]);

/**
 * Adds the headers of the 101 to those that the application has set: each name once, with all its values, so that one
 * line does not replace the other.
 *
 * @param present - Names of those, in lower case.
 */
function prepareHeaders(
  response: ServerResponse,
  present: readonly string[],
  headers: readonly HeaderField[],
): void {
  // "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx" RFC 9110 §8.6;
  // frameworks prepare a response before they know that it is one.
  for (const name of present) if (UNFIT_HEADERS.has(name)) response.removeHeader(name);
  const names = headers.map(([name]) => name.toLowerCase());
  for (const [at, [name, value]] of headers.entries()) {
    const key = names[at]!; // one for each header
    const joins = key === "set-cookie" || names.indexOf(key) < at;
    if (joins) response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
}
