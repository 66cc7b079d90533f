/** What a client offers in every opening handshake, checked once. RFC 6455 §4.1. */

import {
  resolveCompression,
  type CompressionOptions,
  type ResolvedCompression,
} from "../extensions/compression-options.ts";
import { checkSubprotocolList } from "./subprotocol.ts";

export interface ClientOfferOptions {
  /**
   * Subprotocols in the order of preference. The server chooses one of them or none: `conn.subprotocol` is "" then.
   * A server that chooses another one fails the handshake.
   *
   * @default []
   */
  readonly subprotocols?: readonly string[] | undefined;
  /**
   * Offers permessage-deflate (RFC 7692). `true` takes the defaults of {@link CompressionOptions}.
   *
   * @default false
   */
  readonly compression?: boolean | CompressionOptions | undefined;
}

/** {@link ClientOfferOptions} checked. */
export interface ClientOffer {
  readonly subprotocols: readonly string[];
  readonly compression: ResolvedCompression | undefined;
}

/** @throws TypeError | RangeError naming the value. */
export function resolveClientOffer(options: ClientOfferOptions): ClientOffer {
  const { subprotocols = [], compression } = options;
  if (!Array.isArray(subprotocols)) {
    throw new TypeError(`subprotocols must be an array, got ${typeof subprotocols}`);
  }
  checkSubprotocolList(subprotocols);
  return { subprotocols: [...subprotocols], compression: resolveCompression(compression) };
}
