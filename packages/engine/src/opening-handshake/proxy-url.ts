/** URLs of proxies: what kind it is, where it listens, and who we are to it. */

import { showText } from "../extensions/header-text.ts";
import { urlCredentials, type Credentials } from "./basic-auth.ts";
import { parseUrlOption } from "./websocket-url.ts";

/** A proxy URL taken apart. */
export interface ProxyTarget {
  readonly kind: "http" | "socks5";
  /** TLS to the proxy itself. */
  readonly secure: boolean;
  /** The proxy looks up the server's name; else it is looked up here. */
  readonly remoteLookup: boolean;
  /** Name or address; an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly credentials: Credentials | undefined;
}

interface Scheme {
  readonly kind: "http" | "socks5";
  readonly secure: boolean;
  readonly remoteLookup: boolean;
  readonly port: number;
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["http:", { kind: "http", secure: false, remoteLookup: true, port: 80 }],
  ["https:", { kind: "http", secure: true, remoteLookup: true, port: 443 }],
  ["socks5:", { kind: "socks5", secure: false, remoteLookup: false, port: 1080 }],
  ["socks5h:", { kind: "socks5", secure: false, remoteLookup: true, port: 1080 }],
]);

/**
 * Takes the URL of a proxy apart.
 *
 * @param name - Names the option or the variable in errors, which never show user and password.
 * @throws TypeError when it is no http:, https:, socks5: or socks5h: URL.
 */
export function parseProxyUrl(url: string | URL, name = "proxy"): ProxyTarget {
  const kind = "an http:, https:, socks5: or socks5h: URL";
  const parsed = parseUrlOption(url, { name, kind });
  const scheme = SCHEMES.get(parsed.protocol);
  if (scheme === undefined) {
    throw new TypeError(`${name} must be ${kind}, got ${showText(parsed.protocol)}`);
  }
  const { hostname, port } = parsed;
  if (hostname === "") throw new TypeError(`${name} must name a host`);
  return {
    ...scheme,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    port: port === "" ? scheme.port : Number(port),
    credentials: urlCredentials(parsed, name),
  };
}
