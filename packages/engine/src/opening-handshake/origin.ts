/** Origin: parsing it and Host, the same-origin rule, and the allow-list. RFC 6455 §4.2.2, §10.2, RFC 6454. */

import { showText } from "../extensions/header-text.ts";

/** `host[:port]`, the name in lower case. */
export interface Host {
  readonly hostname: string;
  readonly port: number | undefined;
}

/** An origin; its port is the default of http or https when the text has none. */
export interface Origin extends Host {
  readonly scheme: string;
}

/** A compiled entry of an allow-list. */
export interface OriginPattern {
  /** `undefined`: http and https. */
  readonly scheme: string | undefined;
  readonly hostname: string;
  /** Names below `hostname`, at any depth, and not `hostname` itself. */
  readonly subdomains: boolean;
  /** `undefined`: the default of the origin's scheme. */
  readonly port: number | "any" | undefined;
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["https", 443],
]);
const MAX_PORT = 65_535;

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Every character satisfies `allowed`. */
function consistsOf(text: string, allowed: (code: number) => boolean): boolean {
  for (let at = 0; at < text.length; at++) {
    if (!allowed(text.charCodeAt(at))) return false;
  }
  return true;
}

/** A DNS name or an IPv4 address as browsers write it: IDN is punycode by then. "_" occurs in container networks. */
function isName(text: string): boolean {
  return (
    text !== "" &&
    consistsOf(
      text,
      (code) => isLetter(code) || isDigit(code) || "-._".includes(String.fromCharCode(code)),
    )
  );
}

/** An IPv6 address in brackets. */
function isIpv6Literal(text: string): boolean {
  return (
    text.length > 2 &&
    text.startsWith("[") &&
    text.endsWith("]") &&
    consistsOf(
      text.slice(1, -1),
      (code) => isDigit(code) || isLetter(code) || code === 0x3a || code === 0x2e,
    )
  );
}

function isScheme(text: string): boolean {
  return (
    isLetter(text.charCodeAt(0)) &&
    consistsOf(
      text,
      (code) => isLetter(code) || isDigit(code) || "+-.".includes(String.fromCharCode(code)),
    )
  );
}

/** Splits `host[:port]` at the colon that begins the port, which in `[::1]` is none. Without a colon the port is "". */
function splitPort(text: string): { readonly name: string; readonly port: string } {
  const colon = text.indexOf(":", text.startsWith("[") ? Math.max(text.indexOf("]"), 0) : 0);
  return colon === -1
    ? { name: text, port: "" }
    : { name: text.slice(0, colon), port: text.slice(colon + 1) };
}

/** port = *DIGIT (RFC 3986 §3.2.3); `undefined` for none, NaN when it is no port. */
function parsePort(text: string): number | undefined {
  if (text === "") return undefined;
  const port = text.length <= 5 && consistsOf(text, isDigit) ? Number(text) : NaN;
  return port <= MAX_PORT ? port : NaN;
}

/** Parses the value of a Host header. `undefined` when it is none; never throws. */
export function parseHost(text: string): Host | undefined {
  const { name, port: portText } = splitPort(text);
  const port = parsePort(portText);
  if (Number.isNaN(port) || !(isName(name) || isIpv6Literal(name))) return undefined;
  return { hostname: name.toLowerCase(), port };
}

/**
 * Parses the value of an Origin header: `scheme://host[:port]` and nothing after it (RFC 6454 §6.2), or `file://`.
 * `undefined` for `null` and everything else; never throws.
 */
export function parseOrigin(text: string): Origin | undefined {
  const separator = text.indexOf("://");
  if (separator < 1 || !isScheme(text.slice(0, separator))) return undefined;
  const scheme = text.slice(0, separator).toLowerCase();
  const rest = text.slice(separator + 3);
  if (scheme === "file" && rest === "") return { scheme, hostname: "", port: undefined };
  const host = parseHost(rest);
  if (host === undefined) return undefined;
  return { scheme, hostname: host.hostname, port: host.port ?? DEFAULT_PORTS.get(scheme) };
}

/**
 * Tells whether a request comes from a page of its own host.
 *
 * - No Origin header: yes, the client is no browser (RFC 6455 §10.2 protects against browsers only).
 * - Several, `null`, `file://`, another scheme than http and https, or anything unparsable: no.
 * - The scheme does not count, since behind a proxy that ends TLS we do not know ours.
 * - A port that is the default of the origin's scheme equals no port: `https://a.example` is same-origin with `a.example`
 *   and `a.example:443`, not with `a.example:80`; `http://a.example:80` with `a.example`.
 * - Names are compared as they stand, `a.example.` with a trailing dot being another name, as in browsers.
 *
 * @param host - The request's host as the framework sees it, `name[:port]`.
 */
export function isSameOrigin(origins: readonly string[], host: string | undefined): boolean {
  const [text] = origins;
  if (text === undefined) return true;
  const origin = origins.length === 1 ? parseOrigin(text) : undefined;
  const ours = host === undefined ? undefined : parseHost(host);
  if (origin === undefined || ours === undefined) return false;
  const defaultPort = DEFAULT_PORTS.get(origin.scheme);
  return (
    defaultPort !== undefined &&
    origin.hostname === ours.hostname &&
    origin.port === (ours.port ?? defaultPort)
  );
}

/** Writes a hostname as browsers do: IDN as punycode, IPv4 and IPv6 in their short form. */
function normalizeHostname(hostname: string): string | undefined {
  // The URL parser would take what follows one of these for something else than the host.
  if (
    !consistsOf(hostname, (code) => code > 0x20 && !"/?#@\\%".includes(String.fromCharCode(code)))
  ) {
    return undefined;
  }
  try {
    const normalized = new URL(`http://${hostname}`).hostname;
    return isName(normalized) || isIpv6Literal(normalized) ? normalized : undefined;
  } catch {
    return undefined;
  }
}

const PATTERN_FORM = "[scheme://][*.]host[:port | :*]";

function compilePattern(pattern: unknown): OriginPattern {
  const bad = (why: string): TypeError =>
    new TypeError(
      `allowedOrigins must hold ${PATTERN_FORM}, got ${typeof pattern === "string" ? showText(pattern) : typeof pattern}${why}`,
    );
  if (typeof pattern !== "string") throw bad("");
  if (pattern === "*") throw bad(", which admits every site; checkOrigin can do that");
  if (pattern.toLowerCase() === "null") {
    // A sandboxed frame on any page has this origin.
    throw bad(", which any site can send; checkOrigin can admit it");
  }
  const separator = pattern.indexOf("://");
  const scheme = separator === -1 ? undefined : pattern.slice(0, separator).toLowerCase();
  if (scheme !== undefined && !isScheme(scheme)) throw bad("");
  const rest = separator === -1 ? pattern : pattern.slice(separator + 3);
  if (scheme === "file" && rest === "") {
    return { scheme, hostname: "", subdomains: false, port: undefined };
  }
  const { name, port: portText } = splitPort(rest);
  const port = portText === "*" ? "any" : parsePort(portText);
  const subdomains = name.startsWith("*.");
  const hostname = normalizeHostname(subdomains ? name.slice(2) : name);
  if (Number.isNaN(port) || hostname === undefined) throw bad("");
  return { scheme, hostname, subdomains, port };
}

/**
 * Compiles an allow-list. An entry is `[scheme://][*.]host[:port | :*]`:
 *
 * - without a scheme it means http and https;
 * - without a port it means the default port of the origin's scheme, `:*` any port;
 * - `*.example.com` means every name below `example.com`, at any depth, not `example.com` itself;
 * - IDN may be written either way; `file://` stands for pages that are files.
 *
 * @throws TypeError when an entry has another form, or is `*` or `null`.
 */
export function compileAllowedOrigins(patterns: readonly string[]): OriginPattern[] {
  return patterns.map(compilePattern);
}

function matches(origin: Origin, pattern: OriginPattern): boolean {
  const defaultPort = DEFAULT_PORTS.get(origin.scheme);
  if (pattern.scheme === undefined ? defaultPort === undefined : pattern.scheme !== origin.scheme)
    return false;
  if (pattern.port !== "any" && origin.port !== (pattern.port ?? defaultPort)) return false;
  if (!pattern.subdomains) return origin.hostname === pattern.hostname;
  return origin.hostname.endsWith(`.${pattern.hostname}`) && !origin.hostname.startsWith(".");
}

/** Tells whether the origin of a request is on the allow-list. No Origin header: yes; several: no. */
export function isAllowedOrigin(
  origins: readonly string[],
  allowed: readonly OriginPattern[],
): boolean {
  const [text] = origins;
  if (text === undefined) return true;
  const origin = origins.length === 1 ? parseOrigin(text) : undefined;
  return origin !== undefined && allowed.some((pattern) => matches(origin, pattern));
}
