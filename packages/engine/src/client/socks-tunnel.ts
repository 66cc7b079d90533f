/** A tunnel through a SOCKS5 proxy, by the package `socks`, which is loaded when it is needed. RFC 1928, RFC 1929. */

import { promises as dns } from "node:dns";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { HandshakeError } from "../errors.ts";
import { authority } from "../opening-handshake/connect-tunnel.ts";
import type { ProxyTarget } from "../opening-handshake/proxy-url.ts";
import { dialFailed } from "./connect.ts";
import type { DialProgress } from "./dial-progress.ts";

/** What is used of the package. */
interface Socks {
  readonly SocksClient: {
    createConnection(options: {
      proxy: { host: string; port: number; type: 5; userId?: string; password?: string };
      command: "connect";
      destination: { host: string; port: number };
      existing_socket: Duplex;
      timeout: number;
    }): Promise<unknown>;
  };
}

/** One byte has to hold the length of a name, a user, a password. The package trusts its caller with that. */
const MAX_FIELD_BYTES = 255;
/** The package never clears its timer, which holds the socket for so long: behind our own clock, but not by much. */
const TIMEOUT_MARGIN_MS = 1_000;
/** The same where our own clock has no end. */
const LONGEST_TIMEOUT_MS = 600_000;

async function loadSocks(): Promise<Socks> {
  try {
    // oxlint-disable-next-line no-restricted-imports -- an optional peer: the engine runs without it
    return await import(/* webpackIgnore: true */ "socks");
  } catch (cause) {
    throw new TypeError("a SOCKS proxy needs the package socks (2.8 or later): npm install socks", {
      cause,
    });
  }
}

function checkField(name: string, text: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_FIELD_BYTES) return;
  throw new TypeError(`${name} must have at most ${MAX_FIELD_BYTES} bytes for SOCKS, got ${bytes}`);
}

/** Looks the server up here where the proxy is not to do it. */
async function destinationHost(
  hostname: string,
  proxy: ProxyTarget,
  progress: DialProgress,
): Promise<string> {
  if (proxy.remoteLookup || isIP(hostname) !== 0) return hostname;
  try {
    return (await progress.race(dns.lookup(hostname))).address;
  } catch (cause) {
    throw progress.signal.aborted ? cause : dialFailed(`cannot look up ${hostname}`, cause);
  }
}

/**
 * Asks a SOCKS5 proxy for a connection to a server, over a connection to the proxy.
 *
 * @throws HandshakeError WS_PROXY_REFUSED, or WS_DIAL_FAILED when the name is unknown here; TypeError when the package
 *   is missing, and for a name, user or password that SOCKS can't carry; the reason why the dial was given up.
 */
export async function openSocksTunnel(
  socket: Duplex,
  server: { readonly hostname: string; readonly port: number },
  proxy: ProxyTarget,
  progress: DialProgress,
): Promise<void> {
  const peer = authority(proxy.hostname, proxy.port);
  progress.enter("proxy", peer);
  const { username = "", password = "" } = proxy.credentials ?? {};
  checkField("host name", server.hostname);
  checkField("user of the proxy", username);
  checkField("password of the proxy", password);
  const { SocksClient } = await progress.race(loadSocks());
  const host = await destinationHost(server.hostname, proxy, progress);
  try {
    await progress.race(
      SocksClient.createConnection({
        proxy: { host: proxy.hostname, port: proxy.port, type: 5, userId: username, password },
        command: "connect",
        destination: { host, port: server.port },
        existing_socket: socket,
        timeout: Math.min(progress.remaining + TIMEOUT_MARGIN_MS, LONGEST_TIMEOUT_MS),
      }),
    );
  } catch (cause) {
    if (progress.signal.aborted) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `proxy ${peer} opens no connection to ${authority(server.hostname, server.port)}: ${why}`;
    throw new HandshakeError(0, message, { code: "WS_PROXY_REFUSED", cause });
  }
}
