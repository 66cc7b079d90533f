/** Dialer: opens connections to servers, like gorilla's `websocket.Dialer`. */

import type { Duplex } from "node:stream";
import { HandshakeError, type HandshakeResponse } from "../errors.ts";
import type { Conn } from "../conn/conn.ts";
import { openConn } from "../conn/open-conn.ts";
import { createKey } from "../opening-handshake/accept-key.ts";
import {
  buildHandshakeRequest,
  checkHandshakeResponse,
  type ClientHandshake,
  type ClientHandshakeRequest,
} from "../opening-handshake/client-handshake.ts";
import { checkConnectResponse, isConnected } from "../opening-handshake/extended-connect.ts";
import { resolveClientOffer, type ClientOffer } from "../opening-handshake/client-offer.ts";
import { parseProxyUrl, type ProxyTarget } from "../opening-handshake/proxy-url.ts";
import { isRedirect, redirectUrl } from "../opening-handshake/redirect.ts";
import { httpUrl } from "../opening-handshake/websocket-url.ts";
import { showAddress } from "./connect.ts";
import { storeCookies, withCookies } from "./cookie-jar.ts";
import {
  resolveDialerOptions,
  type DialerOptions,
  type DialOptions,
  type ResolvedDialerOptions,
} from "./dial-options.ts";
import { firstPlan, redirectedPlan, type DialPlan } from "./dial-plan.ts";
import { DialProgress } from "./dial-progress.ts";
import { exchange, readRefusal, type Answer } from "./exchange.ts";
import { exchangeOnStream, StreamRefused } from "./http2-exchange.ts";
import { SessionPool } from "./http2-session.ts";
import { targetAddress } from "./open-route.ts";
import { openWay, type Way } from "./open-way.ts";

/** An open connection, and how it came about. */
export interface Dialed<In = unknown, Out = unknown> {
  readonly conn: Conn<In, Out>;
  /** The 101; over HTTP/2 a 200. */
  readonly response: HandshakeResponse;
  /** Where the connection goes, after redirects; without user and password. */
  readonly url: URL;
}

/** One request with its response, which has been received but not judged. */
interface Reply {
  readonly plan: DialPlan;
  readonly request: ClientHandshakeRequest;
  readonly socket: Duplex;
  readonly answer: Answer;
}

const NOTHING: Buffer = Buffer.alloc(0);
const SWITCHING_PROTOCOLS = 101;

function responseOf({ head }: Answer, body: Buffer): HandshakeResponse {
  const { statusCode: status, statusMessage: statusText, headers } = head;
  return { status, statusText, headers, body };
}

/** Opens connections; any number of dials may run at the same time. */
export class Dialer {
  readonly #options: ResolvedDialerOptions;
  readonly #sessions: SessionPool = new SessionPool();

  /** @throws TypeError | RangeError naming the option and its value. */
  constructor(options: DialerOptions = {}) {
    this.#options = resolveDialerOptions(options);
  }

  /**
   * Opens a connection to a ws:, wss: or ws+unix: URL (`ws+unix:/path/of/socket:/path?query`).
   *
   * @throws HandshakeError with the response's `status` and its first 1 KiB when the server refuses
   *   (`WS_BAD_HANDSHAKE`), when a proxy does (`WS_PROXY_REFUSED`); with status 0 when there is no connection
   *   (`WS_DIAL_FAILED`, Node's error is the cause) or no response (`WS_HANDSHAKE_ABORTED`, `WS_BAD_HANDSHAKE`);
   *   DeadlineError `WS_HANDSHAKE_TIMEOUT`; the signal's reason; what a hook, the jar or the proxy function throws;
   *   TypeError for a URL or header that can't be sent.
   */
  async dial<In = unknown, Out = unknown>(
    url: string | URL,
    options: DialOptions = {},
  ): Promise<Dialed<In, Out>> {
    const { signal, subprotocols } = options;
    const { handshakeTimeout: timeout, trace, offer: usual } = this.#options;
    signal?.throwIfAborted();
    const plan = firstPlan(url, options, this.#options);
    const offer = {
      ...usual,
      ...(subprotocols === undefined ? {} : resolveClientOffer({ subprotocols })),
      compression: usual.compression,
    };
    const progress = new DialProgress({ timeout, signal, trace });
    try {
      const reply = await this.#follow(plan, offer, progress);
      return await this.#open<In, Out>(reply, offer, progress);
    } catch (error) {
      progress.abandon();
      throw error;
    } finally {
      progress.stop();
    }
  }

  /** Asks, and asks again where a redirect leads, as often as allowed. */
  async #follow(first: DialPlan, offer: ClientOffer, progress: DialProgress): Promise<Reply> {
    let plan = first;
    for (let left = this.#options.followRedirects; ; left--) {
      const reply = await this.#ask(plan, offer, progress);
      const { head } = reply.answer;
      if (left === 0 || !isRedirect(head)) return reply;
      const next = redirectUrl(plan.url, head);
      if (typeof next === "string") {
        const body = await readRefusal(reply.socket, reply.answer, progress);
        const message = `redirect ${head.statusCode} is not followed: ${next}`;
        const response = responseOf(reply.answer, body);
        throw new HandshakeError(head.statusCode, message, { response });
      }
      progress.abandon(); // a connection that has answered is of no more use
      plan = redirectedPlan(plan, next);
    }
  }

  /** Sends one handshake request, and receives the head of its response. */
  async #ask(plan: DialPlan, offer: ClientOffer, progress: DialProgress): Promise<Reply> {
    const { jar } = this.#options;
    const { target, basicAuth } = plan;
    const peer = showAddress(targetAddress(target));
    const cookieUrl = httpUrl(target);
    progress.enter("route", peer);
    const headers =
      jar === undefined
        ? plan.headers
        : await progress.race(withCookies(plan.headers, jar, cookieUrl));
    const request = buildHandshakeRequest(target, {
      ...offer,
      key: createKey(),
      headers,
      basicAuth,
    });
    const proxy = await this.#proxyFor(plan, progress);
    const { socket, answer } = await this.#exchange(plan, request, proxy, progress);
    if (jar !== undefined) {
      await progress.race(storeCookies(answer.head.headers["set-cookie"], jar, cookieUrl));
    }
    return { plan, request, socket, answer };
  }

  async #exchange(
    plan: DialPlan,
    request: ClientHandshakeRequest,
    proxy: ProxyTarget | undefined,
    progress: DialProgress,
  ): Promise<Pick<Reply, "socket" | "answer">> {
    const peer = showAddress(targetAddress(plan.target));
    const how = { options: this.#options, pool: this.#sessions, proxy };
    const send = async (way: Way): Promise<Pick<Reply, "socket" | "answer">> => {
      try {
        progress.enter("response", peer);
      } catch (error) {
        if ("lease" in way) way.lease.release(); // nothing else knows of it yet
        throw error;
      }
      if ("socket" in way) {
        return { socket: way.socket, answer: await exchange(way.socket, request, peer, progress) };
      }
      const { secure } = plan.target;
      const { stream, answer } = await exchangeOnStream(way.lease, request, secure, peer, progress);
      return { socket: stream, answer };
    };
    const way = await openWay(plan, how, progress);
    try {
      return await send(way);
    } catch (error) {
      const isStale = error instanceof StreamRefused && "lease" in way && way.lease.isReused;
      if (!isStale) throw error;
      return send(await openWay(plan, how, progress, true));
    }
  }

  async #proxyFor(plan: DialPlan, progress: DialProgress): Promise<ProxyTarget | undefined> {
    const { proxy } = this.#options;
    if (proxy === undefined || plan.target.socketPath !== undefined) return undefined;
    if (typeof proxy !== "function") return parseProxyUrl(proxy);
    const chosen = await progress.race(proxy(withoutUser(plan.url)));
    return chosen === undefined || chosen === null ? undefined : parseProxyUrl(chosen);
  }

  /** Holds the response against its request, and makes a Conn of the socket. */
  async #open<In, Out>(
    { plan, request, socket, answer }: Reply,
    { compression }: ClientOffer,
    progress: DialProgress,
  ): Promise<Dialed<In, Out>> {
    const { head, rest } = answer;
    const overHttp2 = head.httpVersion === "2.0";
    const accepts = overHttp2 ? isConnected(head) : head.statusCode === SWITCHING_PROTOCOLS;
    const body = accepts ? NOTHING : await readRefusal(socket, answer, progress);
    const check = overHttp2 ? checkConnectResponse : checkHandshakeResponse;
    const agreed: ClientHandshake = check(request, head, body);
    const { subprotocol, extensions, deflate: negotiated } = agreed;
    progress.signal.throwIfAborted();
    progress.enter("open", showAddress(targetAddress(plan.target)));
    const conn = openConn<In, Out>(socket, rest, {
      role: "client",
      options: this.#options.conn,
      subprotocol,
      extensions,
      deflate:
        negotiated === undefined || compression === undefined
          ? undefined
          : { negotiated, options: compression },
    });
    return { conn, response: responseOf(answer, NOTHING), url: withoutUser(plan.url) };
  }
}

function withoutUser(url: URL): URL {
  const copy = new URL(url);
  copy.username = "";
  copy.password = "";
  return copy;
}

/**
 * Opens one connection with a Dialer of its own.
 *
 * @throws As {@link Dialer.dial}; TypeError | RangeError for an option.
 */
export async function dial<In = unknown, Out = unknown>(
  url: string | URL,
  options: DialerOptions & DialOptions = {},
): Promise<Dialed<In, Out>> {
  return new Dialer(options).dial<In, Out>(url, options);
}
