/** The client's side of the opening handshake, RFC 6455 §4.1: the request, and the checks on its response. */

import { HandshakeError, type HandshakeResponse } from "../errors.ts";
import type { ResolvedCompression } from "../extensions/compression-options.ts";
import {
  checkResponse,
  makeOffer,
  type DeflateOffer,
  type NegotiatedDeflate,
} from "../extensions/deflate-offer.ts";
import { formatExtensions, parseExtensions } from "../extensions/extension-header.ts";
import { equalAsciiFold, showText } from "../extensions/header-text.ts";
import { acceptKey } from "./accept-key.ts";
import { basicAuthorization, type Credentials } from "./basic-auth.ts";
import {
  hasToken,
  headerValues,
  outgoingHeaders,
  type HeaderField,
  type HeaderInput,
} from "./header-fields.ts";
import { parseHost } from "./origin.ts";
import { checkSubprotocolList } from "./subprotocol.ts";
import type { DialTarget } from "./websocket-url.ts";

/** What the client asks for. */
export interface ClientHandshakeOptions {
  /** Sec-WebSocket-Key, new for each connection. */
  readonly key: string;
  /** In the order of preference. */
  readonly subprotocols?: readonly string[] | undefined;
  readonly compression?: ResolvedCompression | undefined;
  /** More headers; a Host among them replaces that of the URL, an Authorization that of `basicAuth`. */
  readonly headers?: HeaderInput | undefined;
  /** Sends Basic authorization: with `true` by the user and the password in the URL. */
  readonly basicAuth?: boolean | Credentials | undefined;
}

/** A request that is ready to be sent, and what its response is held against. */
export interface ClientHandshakeRequest {
  readonly method: "GET";
  /** The request target: path and query. */
  readonly target: string;
  /** In the order in which they go out, Host first. */
  readonly headers: readonly HeaderField[];
  readonly key: string;
  readonly subprotocols: readonly string[];
  readonly deflate: DeflateOffer | undefined;
}

const RESERVED_REQUEST_HEADERS: ReadonlyMap<string, string> = new Map([
  ["upgrade", "leave it out"],
  ["connection", "leave it out"],
  ["sec-websocket-key", "leave it out"],
  ["sec-websocket-accept", "leave it out"],
  ["sec-websocket-version", "leave it out"],
  ["sec-websocket-protocol", "use the subprotocols option"],
  ["sec-websocket-extensions", "use the compression option"],
  ["content-length", "the request has no body"],
  ["transfer-encoding", "the request has no body"],
]);

function isNamed(name: string): (field: HeaderField) => boolean {
  return ([candidate]) => equalAsciiFold(candidate, name);
}

/** Takes Host out of the caller's headers, and checks it. */
function hostOverride(fields: readonly HeaderField[]): string | undefined {
  const [host, second] = fields.filter(isNamed("Host"));
  if (second !== undefined) throw new TypeError("header Host must be given once, got it twice");
  if (host !== undefined && parseHost(host[1]) === undefined) {
    throw new TypeError(`header Host must be host[:port], got ${showText(host[1])}`);
  }
  return host?.[1];
}

/** Nobody sends a password by an oversight: user and password in a URL count only when the caller has said so. */
function authorization(
  { credentials }: DialTarget,
  basicAuth: boolean | Credentials | undefined,
): string | undefined {
  if (typeof basicAuth === "object") return basicAuthorization(basicAuth);
  if (credentials === undefined) return undefined;
  if (basicAuth === true) return basicAuthorization(credentials);
  throw new TypeError("url has a user or password: set basicAuth to send it, or leave it out");
}

/**
 * Builds the request of an opening handshake (§4.1).
 *
 * @throws TypeError when a subprotocol is no token or there twice, when a header belongs to the handshake (in any
 *   spelling), when one could break out of its line, or when the URL has a user and `basicAuth` is not set.
 */
export function buildHandshakeRequest(
  target: DialTarget,
  options: ClientHandshakeOptions,
): ClientHandshakeRequest {
  const { key, subprotocols = [], compression } = options;
  checkSubprotocolList(subprotocols);
  const extra = outgoingHeaders(options.headers, RESERVED_REQUEST_HEADERS);
  const deflate = compression === undefined ? undefined : makeOffer(compression);
  const headers: HeaderField[] = [
    ["Host", hostOverride(extra) ?? target.host],
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Key", key],
    ["Sec-WebSocket-Version", "13"],
  ];
  if (subprotocols.length > 0) headers.push(["Sec-WebSocket-Protocol", subprotocols.join(", ")]);
  if (deflate !== undefined) headers.push(["Sec-WebSocket-Extensions", deflate.header]);
  const basic = authorization(target, options.basicAuth);
  if (basic !== undefined && !extra.some(isNamed("Authorization"))) {
    headers.push(["Authorization", basic]);
  }
  headers.push(...extra.filter(([name]) => !equalAsciiFold(name, "Host")));
  return { method: "GET", target: target.target, headers, key, subprotocols, deflate };
}

/** What the checks look at in a response. node:http's `IncomingMessage` has this shape. */
export interface ResponseHead {
  readonly httpVersion?: string | undefined;
  readonly statusCode?: number | undefined;
  readonly statusMessage?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly rawHeaders: readonly string[];
}

/** What the server agreed to. */
export interface ClientHandshake {
  /** "" when there is none. */
  readonly subprotocol: string;
  /** The Sec-WebSocket-Extensions value, "" when there is none. */
  readonly extensions: string;
  readonly deflate: NegotiatedDeflate | undefined;
}

/** Steps 1-4 of §4.1: is this the answer of a WebSocket server to this very request? */
function upgradeProblem(
  request: ClientHandshakeRequest,
  response: ResponseHead,
): string | undefined {
  const { httpVersion = "1.1", statusCode = 0, statusMessage = "", rawHeaders } = response;
  if (statusCode !== 101) {
    return `server answered ${statusCode}${statusMessage === "" ? "" : ` ${showText(statusMessage)}`} instead of 101`;
  }
  // "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request", so it has no 101 either.
  if (httpVersion !== "1.1") return `101 must be HTTP/1.1, got HTTP/${httpVersion}`; // RFC 9110 §7.8
  const upgrade = headerValues(rawHeaders, "Upgrade");
  if (!hasToken(upgrade, "websocket")) {
    return `Upgrade header of the response must have the token "websocket", got ${showText(upgrade.join(", "))}`;
  }
  const connection = headerValues(rawHeaders, "Connection");
  if (!hasToken(connection, "upgrade")) {
    return `Connection header of the response must have the token "upgrade", got ${showText(connection.join(", "))}`;
  }
  const accept = headerValues(rawHeaders, "Sec-WebSocket-Accept");
  // "MUST NOT appear more than once in an HTTP response" §11.3.3
  if (accept.length !== 1 || accept[0]?.trim() !== acceptKey(request.key)) {
    return `Sec-WebSocket-Accept must be ${acceptKey(request.key)}, got ${showText(accept.join(", "))}`;
  }
  return undefined;
}

/**
 * Step 6: "if this header field indicates the use of a subprotocol that was not present in the client's handshake …
 * the client MUST _Fail the WebSocket Connection_". None at all is fine.
 */
function checkSubprotocol(
  request: ClientHandshakeRequest,
  response: ResponseHead,
): { readonly subprotocol: string } | string {
  const values = headerValues(response.rawHeaders, "Sec-WebSocket-Protocol");
  const [subprotocol] = values;
  if (subprotocol === undefined) return { subprotocol: "" };
  // "MUST NOT appear more than once in an HTTP response" §11.3.4
  if (values.length > 1 || !request.subprotocols.includes(subprotocol)) {
    const offered = request.subprotocols.length === 0 ? "none" : request.subprotocols.join(", ");
    return `server chose subprotocol ${showText(values.join(", "))}, offered was ${offered}`;
  }
  return { subprotocol };
}

/** Step 5: "if this header field indicates the use of an extension that was not present in the client's handshake". */
function checkExtensions(
  request: ClientHandshakeRequest,
  response: ResponseHead,
): Omit<ClientHandshake, "subprotocol"> | string {
  const values = headerValues(response.rawHeaders, "Sec-WebSocket-Extensions");
  const { extensions, malformed } = parseExtensions(values);
  if (malformed) return `Sec-WebSocket-Extensions cannot be parsed: ${showText(values.join(", "))}`;
  const [extension, second] = extensions;
  if (extension === undefined) return { extensions: "", deflate: undefined };
  if (request.deflate === undefined || second !== undefined) {
    const offered = request.deflate === undefined ? "none was offered" : "one was offered";
    return `server chose extension ${showText(formatExtensions(extensions))}, ${offered}`;
  }
  const deflate = checkResponse(extension, request.deflate);
  if (typeof deflate === "string") return deflate;
  return { extensions: formatExtensions(extensions), deflate };
}

/**
 * Checks a response against its request (§4.1), and tells what was agreed.
 *
 * @param body - Of a response other than 101: what of it is to be shown to the caller.
 * @throws HandshakeError WS_BAD_HANDSHAKE with `status` and `response`, when any check fails.
 */
export function checkHandshakeResponse(
  request: ClientHandshakeRequest,
  response: ResponseHead,
  body: Buffer = Buffer.alloc(0),
): ClientHandshake {
  const fail = (problem: string): HandshakeError => {
    const { statusCode: status = 0, statusMessage: statusText = "", headers } = response;
    const received: HandshakeResponse = { status, statusText, headers, body };
    return new HandshakeError(status, problem, { response: received });
  };
  const problem = upgradeProblem(request, response);
  if (problem !== undefined) throw fail(problem);
  const agreed = checkAgreement(request, response);
  if (typeof agreed === "string") throw fail(agreed);
  return agreed;
}

/** Steps 5 and 6 of §4.1, the same for HTTP/1.1 and HTTP/2: what the server has chosen of what was offered. */
export function checkAgreement(
  request: ClientHandshakeRequest,
  response: ResponseHead,
): ClientHandshake | string {
  const chosen = checkSubprotocol(request, response);
  if (typeof chosen === "string") return chosen;
  const agreed = checkExtensions(request, response);
  return typeof agreed === "string" ? agreed : { ...chosen, ...agreed };
}
