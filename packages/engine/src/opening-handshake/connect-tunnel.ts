/** A tunnel through an HTTP proxy: the CONNECT request, and the check of its response. RFC 9110 §9.3.6. */

import { HandshakeError } from "../errors.ts";
import { equalAsciiFold, showText } from "../extensions/header-text.ts";
import { basicAuthorization } from "./basic-auth.ts";
import { outgoingHeaders, type HeaderField, type HeaderInput } from "./header-fields.ts";
import type { ProxyTarget } from "./proxy-url.ts";
import type { RequestLines } from "./request-head.ts";
import type { ReceivedHead } from "./response-head.ts";

const RESERVED_PROXY_HEADERS: ReadonlyMap<string, string> = new Map([
  ["host", "it is the server's"],
  ["content-length", "the request has no body"],
  ["transfer-encoding", "the request has no body"],
]);

/**
 * Checks the headers that a proxy is to get.
 *
 * @throws TypeError when one belongs to the request itself or could break out of its line.
 */
export function proxyHeaderFields(headers: HeaderInput | undefined): readonly HeaderField[] {
  return outgoingHeaders(headers, RESERVED_PROXY_HEADERS);
}

/** `host:port` as it stands in a request; an IPv6 address gets its brackets. */
export function authority(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Asks a proxy for a connection to a server.
 *
 * "If the user configures the client to use a proxy …, then the client SHOULD connect to that proxy and ask it to open
 * a TCP connection to the host given by /host/ and the port given by /port/." RFC 6455 §4.1
 */
export function buildConnectRequest(
  server: string,
  { credentials }: ProxyTarget,
  extra: readonly HeaderField[],
): RequestLines {
  const headers: HeaderField[] = [["Host", server]];
  const given = extra.some(([name]) => equalAsciiFold(name, "Proxy-Authorization"));
  if (credentials !== undefined && !given) {
    headers.push(["Proxy-Authorization", basicAuthorization(credentials)]);
  }
  return { method: "CONNECT", target: server, headers: [...headers, ...extra] };
}

/** "Any 2xx (Successful) response indicates that the sender … will switch to tunnel mode" RFC 9110 §9.3.6 */
export function isTunnel({ statusCode }: ReceivedHead): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** Tells why there is no tunnel. The response is the proxy's: the server has not been asked. */
export function tunnelRefused(head: ReceivedHead, body: Buffer): HandshakeError {
  const { statusCode: status, statusMessage: statusText, headers } = head;
  const reason = statusText === "" ? "" : ` ${showText(statusText)}`;
  return new HandshakeError(status, `proxy answered ${status}${reason} to CONNECT`, {
    code: "WS_PROXY_REFUSED",
    response: { status, statusText, headers, body },
  });
}
