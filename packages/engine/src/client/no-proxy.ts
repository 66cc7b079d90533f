/** NO_PROXY: which hosts are reached without a proxy. */

import { BlockList, isIP } from "node:net";

/** A host without brackets, and a port. */
export interface HostAndPort {
  readonly hostname: string;
  readonly port: number;
}

/** Splits `host[:port]`; an IPv6 address has brackets when it has a port. */
function splitPort(entry: string): { readonly host: string; readonly port: number | undefined } {
  if (isIP(entry) !== 0) return { host: entry, port: undefined };
  const colon = entry.lastIndexOf(":");
  const port = colon === -1 ? "" : entry.slice(colon + 1);
  const host = /^\d+$/u.test(port) ? entry.slice(0, colon) : entry;
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  return { host: bare, port: host === entry ? undefined : Number(port) };
}

function family(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** `address/bits`; only literal addresses are compared, nothing is looked up. */
function isInSubnet(hostname: string, cidr: string): boolean {
  const [network = "", bits = ""] = cidr.split("/");
  const prefix = /^\d{1,3}$/u.test(bits) ? Number(bits) : NaN;
  const version = isIP(network);
  if (version === 0 || isIP(hostname) === 0 || !(prefix <= (version === 6 ? 128 : 32)))
    return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family(network));
  return list.check(hostname, family(hostname));
}

function isSameAddress(hostname: string, address: string): boolean {
  const list = new BlockList();
  list.addAddress(address, family(address));
  return list.check(hostname, family(hostname));
}

/** A name stands for itself and all below it; with a dot or `*.` in front for those below it alone. */
function isInDomain(hostname: string, pattern: string): boolean {
  const domain = pattern.startsWith("*.") ? pattern.slice(1) : pattern;
  if (domain.startsWith(".")) return hostname.endsWith(domain) && hostname !== domain;
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

function matches({ hostname, port }: HostAndPort, entry: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return isInSubnet(hostname, entry);
  const pattern = splitPort(entry);
  if (pattern.port !== undefined && pattern.port !== port) return false;
  if (isIP(pattern.host) === 0) return isInDomain(hostname, pattern.host);
  return isIP(hostname) !== 0 && isSameAddress(hostname, pattern.host);
}

/** Without a trailing dot, in lower case: the same name. */
function normalize(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/**
 * Tells whether a host is exempt, by a list separated by commas or spaces:
 *
 * - `*`: every host;
 * - `example.com`: that name and all below it; `.example.com` and `*.example.com`: those below it alone;
 * - `192.0.2.1`, `2001:db8::1`: an address as it stands in the URL, in any way of writing it;
 * - `10.0.0.0/8`, `fd00::/8`: the addresses of a network;
 * - a name or address with `:port`, an IPv6 address in brackets then: that port alone.
 */
export function isExempt(host: HostAndPort, noProxy: string): boolean {
  const normal = { hostname: normalize(host.hostname), port: host.port };
  return noProxy
    .split(/[\s,]+/u)
    .some((entry) => entry !== "" && matches(normal, normalize(entry)));
}
