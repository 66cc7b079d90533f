/** The server's answer to a checked opening handshake: the headers of the 101. RFC 6455 §4.2.2. */

import type { ResolvedCompression } from "../extensions/compression-options.ts";
import { acceptOffer, type NegotiatedDeflate } from "../extensions/deflate-offer.ts";
import { acceptKey } from "./accept-key.ts";
import { outgoingHeaders, type HeaderField, type HeaderInput } from "./header-fields.ts";
import { UPGRADE_HEADERS, type HandshakeRequest } from "./server-handshake.ts";
import { chooseSubprotocol, type SubprotocolPreference } from "./subprotocol.ts";

/** What the server agrees to. */
export interface AcceptOptions {
  readonly subprotocols?: SubprotocolPreference | undefined;
  readonly compression?: ResolvedCompression | undefined;
  /** More headers for the response, in their order, after those of the handshake. */
  readonly headers?: HeaderInput | undefined;
}

/** A handshake that is accepted: the response headers, and what Conn has to know. */
export interface AcceptedHandshake {
  /** In the order in which they go out, spelled as in the RFC. */
  readonly headers: readonly HeaderField[];
  /** "" when there is none. */
  readonly subprotocol: string;
  /** The Sec-WebSocket-Extensions value, "" when there is none. */
  readonly extensions: string;
  readonly deflate: NegotiatedDeflate | undefined;
}

const RESERVED_RESPONSE_HEADERS: ReadonlyMap<string, string> = new Map([
  ["upgrade", "leave it out"],
  ["connection", "leave it out"],
  ["sec-websocket-accept", "leave it out"],
  ["sec-websocket-version", "leave it out"],
  ["sec-websocket-protocol", "use the subprotocols option"],
  ["sec-websocket-extensions", "use the compression option"],
  // Neither may stand in a response with a 1xx status: RFC 9110 §8.6, RFC 9112 §6.1
  ["content-length", "a 101 has no body"],
  ["transfer-encoding", "a 101 has no body"],
  ["trailer", "a 101 has no body"],
]);

/**
 * Chooses subprotocol and extensions, and lists the headers that say so. This part of the answer is the same for
 * HTTP/1.1 and HTTP/2.
 *
 * @param first - Headers that go before these.
 * @throws TypeError when a header of the application is reserved or could break out of its line, or when a
 *   `subprotocols` function returns what was not offered.
 */
export function negotiate(
  request: HandshakeRequest,
  options: AcceptOptions,
  first: readonly HeaderField[] = [],
): AcceptedHandshake {
  const subprotocol = chooseSubprotocol(request.offeredSubprotocols, options.subprotocols);
  const accepted =
    options.compression === undefined
      ? undefined
      : acceptOffer(request.extensionOffers, options.compression);
  // No more arrays than needed, and none that grows: each handshake would leave it behind.
  let headers = first;
  if (subprotocol !== "") headers = headers.concat([["Sec-WebSocket-Protocol", subprotocol]]);
  if (accepted !== undefined)
    headers = headers.concat([["Sec-WebSocket-Extensions", accepted.response]]);
  const more = outgoingHeaders(options.headers, RESERVED_RESPONSE_HEADERS);
  if (more.length > 0) headers = headers.concat(more);
  return { headers, subprotocol, extensions: accepted?.response ?? "", deflate: accepted?.deflate };
}

/**
 * Answers a checked request with the headers of the 101 (§4.2.2 step 5).
 *
 * @throws TypeError as {@link negotiate}.
 */
export function acceptHandshake(
  request: HandshakeRequest,
  key: string,
  options: AcceptOptions,
): AcceptedHandshake {
  const [upgrade, connection] = UPGRADE_HEADERS;
  return negotiate(request, options, [
    upgrade,
    connection,
    ["Sec-WebSocket-Accept", acceptKey(key)],
  ]);
}
