/** Options of the opening handshake, server side: what is admitted and what is agreed to. RFC 6455 §4.2.2. */

import {
  resolveCompression,
  type CompressionOptions,
  type ResolvedCompression,
} from "../extensions/compression-options.ts";
import { compileAllowedOrigins, type OriginPattern } from "./origin.ts";
import { checkSubprotocolList, type SubprotocolPreference } from "./subprotocol.ts";

export interface HandshakeOptions {
  /**
   * Origins that may connect besides the request's own host, as `[scheme://][*.]host[:port | :*]`:
   * `https://app.example.com`, `app.example.com` (http and https), `*.example.com` (any name below it),
   * `localhost:*` (any port). Any other origin is refused with 403. A request without an Origin header is not from
   * a browser and passes.
   *
   * @default [] (same origin only)
   */
  readonly allowedOrigins?: readonly string[];
  /**
   * Subprotocols in the server's order of preference: the first that the client offers is chosen. Or a function that
   * gets the client's list, in the client's order, and returns one of it or `undefined`. When none is chosen the
   * connection opens without one.
   *
   * @default none
   */
  readonly subprotocols?: SubprotocolPreference;
  /**
   * Compresses messages with permessage-deflate (RFC 7692) when the client offers it. `true` takes the defaults of
   * {@link CompressionOptions}.
   *
   * @default false
   */
  readonly compression?: boolean | CompressionOptions;
}

/** {@link HandshakeOptions} checked and compiled, for any number of handshakes. */
export interface ResolvedHandshakeOptions {
  readonly allowedOrigins: readonly OriginPattern[];
  readonly subprotocols: SubprotocolPreference | undefined;
  readonly compression: ResolvedCompression | undefined;
}

/**
 * Checks the options once, at the door.
 *
 * @throws TypeError | RangeError naming the value.
 */
export function resolveHandshakeOptions(options: HandshakeOptions): ResolvedHandshakeOptions {
  const { allowedOrigins = [], subprotocols } = options;
  if (!Array.isArray(allowedOrigins)) {
    throw new TypeError(`allowedOrigins must be an array, got ${typeof allowedOrigins}`);
  }
  if (Array.isArray(subprotocols)) checkSubprotocolList(subprotocols);
  else if (subprotocols !== undefined && typeof subprotocols !== "function") {
    throw new TypeError(`subprotocols must be an array or a function, got ${typeof subprotocols}`);
  }
  return {
    allowedOrigins: compileAllowedOrigins(allowedOrigins),
    subprotocols,
    compression: resolveCompression(options.compression),
  };
}
