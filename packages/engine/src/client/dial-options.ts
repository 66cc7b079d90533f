/** Options of a Dialer: documented once, defaulted once, checked at the door. */

import type { ClientHttp2Session } from "node:http2";
import type { ConnectionOptions } from "node:tls";
import type { Duplex } from "node:stream";
import { milliseconds, resolveConnOptions, type ConnOptions } from "../conn/limits.ts";
import type { Credentials } from "../opening-handshake/basic-auth.ts";
import {
  resolveClientOffer,
  type ClientOffer,
  type ClientOfferOptions,
} from "../opening-handshake/client-offer.ts";
import { proxyHeaderFields } from "../opening-handshake/connect-tunnel.ts";
import type { HeaderField, HeaderInput } from "../opening-handshake/header-fields.ts";
import { parseProxyUrl } from "../opening-handshake/proxy-url.ts";
import type { CookieJar } from "./cookie-jar.ts";
import type { DialEvent } from "./dial-progress.ts";

/** Whom a hook is to connect to: the server, or the proxy when there is one. `net.connect` takes it as it is. */
export type DialAddress =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined };

export interface DialHookContext {
  /** Aborted when the dial is given up. What a hook gives after that is destroyed. */
  readonly signal: AbortSignal;
}

/** Opens the connection that everything else goes over. A socket may still be connecting when it is returned. */
export type DialHook = (
  address: DialAddress,
  context: DialHookContext,
) => Duplex | PromiseLike<Duplex>;

/** Chooses the proxy for a ws: or wss: URL; `undefined` and `null` mean none. What it throws is what `dial` throws. */
export type ProxyFunction = (
  url: URL,
) => string | URL | null | undefined | PromiseLike<string | URL | null | undefined>;

/** Options of `tls.connect`, but for those that say where to connect to. */
export type DialTlsOptions = Omit<
  ConnectionOptions,
  "host" | "port" | "path" | "socket" | "lookup" | "timeout" | "allowHalfOpen" | "enableTrace"
>;

export interface DialerOptions extends ConnOptions, ClientOfferOptions {
  /**
   * Milliseconds from the call of `dial` to the checked 101: DNS, TCP, proxy, TLS, redirects and the response.
   *
   * @default 45_000
   */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Redirects (301, 302, 303, 307, 308) that are followed. Never from wss: to ws:. When one leads to another scheme,
   * host or port, Authorization, Cookie, Proxy-Authorization and Host headers, `basicAuth`, the server name and the
   * client certificate of `tls` stay behind.
   *
   * @default 0: a redirect is a failed handshake, as in browsers
   */
  readonly followRedirects?: number | undefined;
  /**
   * Sends Basic authorization (RFC 7617): `true` with the user and the password in the URL, or with those given here.
   * Without it a URL that has a user is refused.
   *
   * @default false
   */
  readonly basicAuth?: boolean | Credentials | undefined;
  /**
   * The proxy: an `http:`, `https:`, `socks5:` (names are looked up here) or `socks5h:` (names are looked up by the
   * proxy) URL, with user and password where it asks for them; or a function such as {@link proxyFromEnvironment}.
   * A tunnel is asked for (CONNECT) with ws: too. SOCKS needs the package `socks` beside this one.
   *
   * @default none
   */
  readonly proxy?: string | URL | ProxyFunction | undefined;
  /** More headers for the CONNECT request to an HTTP proxy. @default none */
  readonly proxyHeaders?: HeaderInput | undefined;
  /**
   * WebSocket over HTTP/2 (RFC 8441). `"auto"` offers it to servers of wss: URLs, and goes on with HTTP/1.1 when one
   * does not choose it or takes no WebSockets over it, which costs a second connection. `true` insists on it, with ws:
   * by prior knowledge. The connections of a Dialer to the same server share one of HTTP/2, which is closed behind the
   * last of them. A session of `http2.connect` is used for every dial, whatever host the URL names, and stays open.
   *
   * @default false: HTTP/1.1
   */
  readonly http2?: boolean | "auto" | ClientHttp2Session | undefined;
  /**
   * Options for `tls.connect`. Certificates are verified, the server name is the URL's host, and ALPN offers `http/1.1`,
   * unless these say otherwise; with the option `http2` they must not set ALPNProtocols.
   *
   * @default {}
   */
  readonly tls?: DialTlsOptions | undefined;
  /**
   * The same for the connection to an https: proxy.
   *
   * @default `tls` without server name, client certificate, session, ALPN and `checkServerIdentity`, which are the server's
   */
  readonly proxyTls?: DialTlsOptions | undefined;
  /** Opens the TCP or unix socket, to the server or to the proxy. TLS is put on top of it. @default net.connect */
  readonly netDial?: DialHook | undefined;
  /**
   * Opens a connection with TLS done, to the server of a wss: URL or to an https: proxy: `netDial` and the options for
   * TLS are not used for it. The server behind a proxy is never dialed by a hook.
   *
   * @default `netDial`, then tls.connect
   */
  readonly tlsDial?: DialHook | undefined;
  /**
   * Gives cookies to send and takes cookies that the server sets, in refusals and redirects too. Any object with the
   * interface of tough-cookie's `CookieJar`.
   *
   * @default none
   */
  readonly jar?: CookieJar | undefined;
  /** Told of each phase of a dial as it begins. What it throws fails the dial. @default none */
  readonly trace?: ((event: DialEvent) => void) | undefined;
}

/** Options of one dial. */
export interface DialOptions {
  /**
   * More headers of the request: Host replaces the URL's, for virtual hosts; it changes neither the address nor the
   * server name of TLS. Headers that belong to the handshake are refused in any spelling.
   *
   * @default none
   */
  readonly headers?: HeaderInput | undefined;
  /** Replaces those of the Dialer. @default the Dialer's */
  readonly subprotocols?: readonly string[] | undefined;
  /** Gives the dial up in any phase; `dial` then rejects with the signal's reason. It has no effect on an open Conn. */
  readonly signal?: AbortSignal | undefined;
}

/** {@link DialerOptions} with every default in place. */
export interface ResolvedDialerOptions {
  readonly conn: ConnOptions;
  readonly offer: ClientOffer;
  readonly handshakeTimeout: number;
  readonly followRedirects: number;
  readonly basicAuth: boolean | Credentials;
  readonly http2: boolean | "auto" | ClientHttp2Session;
  readonly proxy: string | URL | ProxyFunction | undefined;
  readonly proxyHeaders: readonly HeaderField[];
  readonly tls: DialTlsOptions;
  readonly proxyTls: DialTlsOptions | undefined;
  readonly netDial: DialHook | undefined;
  readonly tlsDial: DialHook | undefined;
  readonly jar: CookieJar | undefined;
  readonly trace: ((event: DialEvent) => void) | undefined;
}

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 45_000;

function checkType(name: string, value: unknown, type: "function" | "object"): void {
  if (value === undefined || (typeof value === type && value !== null)) return;
  const article = type === "object" ? "an" : "a";
  throw new TypeError(
    `${name} must be ${article} ${type}, got ${value === null ? "null" : typeof value}`,
  );
}

function count(name: string, value: number | undefined): number {
  if (value === undefined) return 0;
  if (typeof value !== "number") {
    throw new TypeError(`${name} must be a number, got ${typeof value}`);
  }
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`${name} must be a whole number, 0 or above, got ${value}`);
}

function checkBasicAuth(value: unknown): void {
  if (typeof value !== "boolean") checkType("basicAuth", value, "object");
}

function resolveHttp2({
  http2 = false,
  tls,
}: DialerOptions): boolean | "auto" | ClientHttp2Session {
  const isSession = typeof http2 === "object" && http2 !== null && "request" in http2;
  if (typeof http2 !== "boolean" && http2 !== "auto" && !isSession) {
    const got = typeof http2 === "string" ? JSON.stringify(http2) : typeof http2;
    throw new TypeError(
      `http2 must be a boolean, "auto" or a session of http2.connect, got ${got}`,
    );
  }
  if (http2 !== false && tls?.ALPNProtocols !== undefined) {
    throw new TypeError("http2 and tls.ALPNProtocols exclude each other: leave out one of them");
  }
  return http2;
}

/**
 * Fills in the defaults.
 *
 * @throws TypeError | RangeError naming the option and its value.
 */
export function resolveDialerOptions(options: DialerOptions): ResolvedDialerOptions {
  checkType("options", options, "object");
  const { proxy, tls, proxyTls, netDial, tlsDial, jar, trace } = options;
  checkType("tls", tls, "object");
  checkType("proxyTls", proxyTls, "object");
  checkType("netDial", netDial, "function");
  checkType("tlsDial", tlsDial, "function");
  checkType("jar", jar, "object");
  checkType("trace", trace, "function");
  checkBasicAuth(options.basicAuth);
  if (proxy !== undefined && typeof proxy !== "function") parseProxyUrl(proxy);
  resolveConnOptions(options); // checked here, used for each connection
  return {
    conn: options,
    offer: resolveClientOffer(options),
    handshakeTimeout: milliseconds(
      "handshakeTimeout",
      options.handshakeTimeout,
      DEFAULT_HANDSHAKE_TIMEOUT_MS,
    ),
    followRedirects: count("followRedirects", options.followRedirects),
    basicAuth: options.basicAuth ?? false,
    http2: resolveHttp2(options),
    proxy,
    proxyHeaders: proxyHeaderFields(options.proxyHeaders),
    tls: tls ?? {},
    proxyTls,
    netDial,
    tlsDial,
    jar,
    trace,
  };
}
