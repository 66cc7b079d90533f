/** TLS over a connection: to the server, to a proxy, or to the server through a proxy. RFC 6455 §4.1. */

import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as tlsConnect, TLSSocket } from "node:tls";
import { HandshakeError } from "../errors.ts";
import { opened } from "./connect.ts";
import type { DialTlsOptions } from "./dial-options.ts";
import type { DialProgress } from "./dial-progress.ts";

/** Names of protocols in ALPN. RFC 7301 §6 */
export const HTTP_1 = "http/1.1";
export const HTTP_2 = "h2";

/** What proves who the client is, or is made for one server name. */
const OF_ONE_SERVER = [
  "servername",
  "cert",
  "key",
  "pfx",
  "passphrase",
  "session",
  "pskCallback",
  "ALPNProtocols",
  "checkServerIdentity",
] as const;

/** The options that may be used with another server than the one they were given for. */
export function forAnotherServer(options: DialTlsOptions): DialTlsOptions {
  const others: DialTlsOptions = { ...options };
  for (const name of OF_ONE_SERVER) delete others[name];
  return others;
}

/** "Literal IPv4 and IPv6 addresses are not permitted" RFC 6066 §3, and a name has no dot at its end there. */
function serverName(hostname: string): string {
  if (isIP(hostname) !== 0) return "";
  return hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
}

/**
 * Refuses a connection on which the server expects to speak something else than was offered.
 *
 * @throws HandshakeError WS_DIAL_FAILED
 */
export function checkAlpn(
  socket: Duplex,
  peer: string,
  offered: readonly string[] = [HTTP_1],
): void {
  if (!(socket instanceof TLSSocket)) return;
  const protocol: string | false | null = socket.alpnProtocol;
  if (typeof protocol !== "string" || offered.includes(protocol)) return;
  throw new HandshakeError(
    0,
    `${peer} chose the protocol "${protocol}" (ALPN), and only ${offered.join(" and ")} is spoken here: leave ALPNProtocols out of the TLS options`,
    { code: "WS_DIAL_FAILED" },
  );
}

/**
 * "Perform a TLS handshake over the connection" (§4.1), with SNI, and with the certificate verified.
 *
 * @param hostname - Whom the certificate must be for, unless `options` has a server name.
 * @param alpn - What is offered, unless `options` says something else.
 * @throws HandshakeError WS_DIAL_FAILED with Node's error as its cause.
 */
export async function secure(
  socket: Duplex,
  hostname: string,
  peer: string,
  options: DialTlsOptions,
  progress: DialProgress,
  alpn: readonly string[] = [HTTP_1],
): Promise<TLSSocket> {
  progress.enter("tls", peer);
  const secured = tlsConnect({
    ...options,
    ALPNProtocols: options.ALPNProtocols ?? [...alpn],
    servername: options.servername ?? serverName(hostname),
    host: hostname, // whom an address in a certificate is compared with
    socket,
  });
  progress.own(secured);
  await opened(secured, "secureConnect", progress, `no TLS with ${peer}`);
  checkAlpn(secured, peer, alpn);
  return secured;
}
