/** The proxy that the environment names, by the rules that curl, Go and Python share. */

import { BlockList, isIP } from "node:net";
import { parseProxyUrl } from "../opening-handshake/proxy-url.ts";
import { isExempt } from "./no-proxy.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The lower-case name first; an empty value is none. */
function read(environment: Environment, name: string): string | undefined {
  const value = environment[name.toLowerCase()] || environment[name];
  return value === "" ? undefined : value;
}

/**
 * In a CGI program HTTP_PROXY is the `Proxy` header of the request, which any client can send (CVE-2016-5385).
 * REQUEST_METHOD tells such a program.
 */
function withoutCgi(environment: Environment): Environment {
  return environment["REQUEST_METHOD"] === undefined
    ? environment
    : { ...environment, HTTP_PROXY: undefined };
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

function isLoopback(hostname: string): boolean {
  if (isIP(hostname) !== 0) return LOOPBACK.check(hostname, isIP(hostname) === 6 ? "ipv6" : "ipv4");
  return hostname === "localhost" || hostname === "localhost.";
}

/**
 * Finds the proxy for a URL: HTTPS_PROXY for wss:, HTTP_PROXY for ws:, else ALL_PROXY, each also in lower case, which
 * comes first. None for `localhost` and loopback addresses, for unix sockets, and for hosts that NO_PROXY names.
 * A value without a scheme is an http: proxy. To be given as the option `proxy` of a Dialer.
 *
 * @param environment - @default process.env
 * @throws TypeError when the variable holds no proxy URL.
 */
export function proxyFromEnvironment(
  url: URL,
  environment: Environment = process.env,
): URL | undefined {
  const secure = url.protocol === "wss:" || url.protocol === "https:";
  if (url.protocol === "ws+unix:") return undefined;
  const variables = withoutCgi(environment);
  const name = secure ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = read(variables, name) ?? read(variables, "ALL_PROXY");
  if (value === undefined) return undefined;
  const { hostname: bracketed, port } = url;
  const hostname = bracketed.startsWith("[") ? bracketed.slice(1, -1) : bracketed;
  if (isLoopback(hostname)) return undefined;
  const host = { hostname, port: port === "" ? (secure ? 443 : 80) : Number(port) };
  if (isExempt(host, read(variables, "NO_PROXY") ?? "")) return undefined;
  const proxy = value.includes("://") ? value : `http://${value}`;
  parseProxyUrl(proxy, read(variables, name) === undefined ? "ALL_PROXY" : name);
  return new URL(proxy);
}
