/** The way to a server: straight, or through a proxy; with TLS where the URL or the proxy has it. RFC 6455 §4.1. */

import type { Duplex } from "node:stream";
import {
  authority,
  buildConnectRequest,
  isTunnel,
  tunnelRefused,
} from "../opening-handshake/connect-tunnel.ts";
import type { ProxyTarget } from "../opening-handshake/proxy-url.ts";
import type { DialTarget } from "../opening-handshake/websocket-url.ts";
import { connect, dialByHook, showAddress } from "./connect.ts";
import type { DialAddress, DialTlsOptions, ResolvedDialerOptions } from "./dial-options.ts";
import type { DialProgress } from "./dial-progress.ts";
import { exchange, readRefusal } from "./exchange.ts";
import { checkAlpn, forAnotherServer, secure } from "./secure.ts";
import { openSocksTunnel } from "./socks-tunnel.ts";

/** What of the options decides about the way. */
export interface RouteOptions extends Pick<
  ResolvedDialerOptions,
  "tls" | "proxyTls" | "proxyHeaders" | "netDial" | "tlsDial"
> {
  /** What the server is offered in TLS. @default HTTP/1.1 */
  readonly alpn?: readonly string[] | undefined;
}

export function targetAddress(target: DialTarget): DialAddress {
  return target.socketPath === undefined
    ? { host: target.hostname, port: target.port }
    : { path: target.socketPath };
}

/** Connects to whom the process itself talks to: here, and nowhere else, the hooks come in. */
async function openHop(
  hop: { readonly address: DialAddress; readonly hostname: string; readonly secure: boolean },
  tls: DialTlsOptions,
  { netDial, tlsDial, alpn }: RouteOptions,
  progress: DialProgress,
): Promise<Duplex> {
  const peer = showAddress(hop.address);
  if (hop.secure && tlsDial !== undefined) {
    const socket = await dialByHook(tlsDial, "tlsDial", hop.address, progress);
    checkAlpn(socket, peer, alpn);
    return socket;
  }
  const socket = await connect(hop.address, netDial, progress);
  return hop.secure ? secure(socket, hop.hostname, peer, tls, progress, alpn) : socket;
}

/**
 * Asks an HTTP proxy for a tunnel.
 *
 * @throws HandshakeError WS_PROXY_REFUSED with the proxy's response.
 */
async function openHttpTunnel(
  socket: Duplex,
  server: string,
  proxy: ProxyTarget,
  options: RouteOptions,
  progress: DialProgress,
): Promise<void> {
  const peer = `proxy ${authority(proxy.hostname, proxy.port)}`;
  progress.enter("proxy", authority(proxy.hostname, proxy.port));
  const request = buildConnectRequest(server, proxy, options.proxyHeaders);
  const answer = await exchange(socket, request, peer, progress);
  if (!isTunnel(answer.head)) {
    throw tunnelRefused(answer.head, await readRefusal(socket, answer, progress));
  }
  // What stands behind the proxy's response comes from the server already.
  if (answer.rest.length > 0) socket.unshift(answer.rest);
}

async function openTunnel(
  target: DialTarget,
  proxy: ProxyTarget,
  options: RouteOptions,
  progress: DialProgress,
): Promise<Duplex> {
  const { hostname, port } = proxy;
  const tls = options.proxyTls ?? forAnotherServer(options.tls);
  const hop = { address: { host: hostname, port }, hostname, secure: proxy.secure };
  const socket = await openHop(hop, tls, { ...options, alpn: undefined }, progress);
  if (proxy.kind === "socks5") await openSocksTunnel(socket, target, proxy, progress);
  else {
    const server = authority(target.hostname, target.port);
    await openHttpTunnel(socket, server, proxy, options, progress);
  }
  return socket;
}

/**
 * Opens the connection on which the handshake is to be sent.
 *
 * @throws HandshakeError WS_DIAL_FAILED or WS_PROXY_REFUSED; what a hook throws; the reason why the dial was given up.
 */
export async function openRoute(
  target: DialTarget,
  proxy: ProxyTarget | undefined,
  options: RouteOptions,
  progress: DialProgress,
): Promise<Duplex> {
  const { hostname } = target;
  const address = targetAddress(target);
  if (proxy === undefined) {
    return openHop({ address, hostname, secure: target.secure }, options.tls, options, progress);
  }
  const tunnel = await openTunnel(target, proxy, options, progress);
  if (!target.secure) return tunnel;
  const { tls, alpn } = options;
  return secure(tunnel, hostname, showAddress(address), tls, progress, alpn);
}
