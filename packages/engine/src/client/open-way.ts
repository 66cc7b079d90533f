/** The connection for one handshake: HTTP/1.1's own, or a place on one of HTTP/2. RFC 6455 §4.1, RFC 8441 §3. */

import type { ClientHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { HandshakeError } from "../errors.ts";
import type { ProxyTarget } from "../opening-handshake/proxy-url.ts";
import type { DialTarget } from "../opening-handshake/websocket-url.ts";
import { showAddress } from "./connect.ts";
import type { ResolvedDialerOptions } from "./dial-options.ts";
import type { DialPlan } from "./dial-plan.ts";
import type { DialProgress } from "./dial-progress.ts";
import { awaitSettings, beginSession, takesWebSockets } from "./http2-session.ts";
import type { Lease, SessionPool } from "./http2-session.ts";
import { openRoute, targetAddress } from "./open-route.ts";
import { HTTP_1, HTTP_2 } from "./secure.ts";

/** What a request is sent on. */
export type Way = { readonly socket: Duplex } | { readonly lease: Lease };

export interface WayOptions {
  readonly options: ResolvedDialerOptions;
  readonly pool: SessionPool;
  readonly proxy: ProxyTarget | undefined;
}

/**
 * Opens the way to a server, by HTTP/2 where the options allow it and the server takes WebSockets over it.
 *
 * @param fresh - Takes no session that is there already.
 * @throws HandshakeError WS_DIAL_FAILED, also when there is no WebSocket over HTTP/2 and nothing else is allowed;
 *   WS_PROXY_REFUSED; what a hook throws; the reason why the dial was given up.
 */
export async function openWay(
  plan: DialPlan,
  { options, pool, proxy }: WayOptions,
  progress: DialProgress,
  fresh = false,
): Promise<Way> {
  const { http2 } = options;
  const { target } = plan;
  if (typeof http2 === "object") return givenSession(http2, target, progress);
  const route = { ...options, tls: plan.tls };
  if (http2 === false || (http2 === "auto" && !target.secure)) {
    return { socket: await openRoute(target, proxy, route, progress) };
  }
  const way = wayOf(plan, options, proxy);
  if (!fresh) {
    const opening = pool.opening(way);
    if (opening !== undefined) await progress.race(opening);
    const lease = pool.find(way);
    if (lease !== undefined) return { lease };
  }
  const opened = await pool.opens(way, async (): Promise<Way | undefined> => {
    const alpn = http2 === true ? [HTTP_2] : [HTTP_2, HTTP_1];
    const socket = await openRoute(target, proxy, { ...route, alpn }, progress);
    if (!speaksHttp2(socket, http2)) {
      if (http2 === true) throw failed(target, "did not choose HTTP/2 (ALPN)");
      return { socket };
    }
    const peer = showAddress(targetAddress(target));
    progress.enter("settings", peer);
    const session = await beginSession(socket, target, peer, progress);
    if (takesWebSockets(session)) {
      progress.disown(); // from here on it is shared
      return { lease: pool.share(way, session) };
    }
    progress.abandon();
    if (http2 === true) throw failed(target, "does not take WebSockets over HTTP/2 (RFC 8441)");
    return undefined;
  });
  return opened ?? { socket: await openRoute(target, proxy, route, progress) };
}

/** Two dials may share a connection when they lead to the same server, by the same proxy, with the same credentials. */
function wayOf(
  { target, tls }: DialPlan,
  options: ResolvedDialerOptions,
  proxy: ProxyTarget | undefined,
): string {
  const { secure, hostname, port, socketPath } = target;
  return JSON.stringify([secure, hostname, port, socketPath, proxy, tls === options.tls]);
}

/** Without TLS nobody negotiates: it is asked for by the option alone. */
function speaksHttp2(socket: Duplex, http2: true | "auto"): boolean {
  if (!(socket instanceof TLSSocket)) return http2 === true;
  const protocol: string | false | null = socket.alpnProtocol;
  return protocol === HTTP_2;
}

async function givenSession(
  session: ClientHttp2Session,
  target: DialTarget,
  progress: DialProgress,
): Promise<Way> {
  const peer = showAddress(targetAddress(target));
  progress.enter("settings", peer);
  if (session.closed || session.destroyed) throw failed(target, "is on a session that is closed");
  if (!takesWebSockets(session)) await awaitSettings(session, peer, progress);
  if (!takesWebSockets(session)) {
    throw failed(target, "does not take WebSockets over HTTP/2 (RFC 8441)");
  }
  return { lease: { session, isReused: false, release: () => {} } };
}

function failed(target: DialTarget, what: string): HandshakeError {
  const peer = showAddress(targetAddress(target));
  return new HandshakeError(0, `${peer} ${what}`, { code: "WS_DIAL_FAILED" });
}
