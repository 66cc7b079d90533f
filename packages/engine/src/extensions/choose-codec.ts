/** The fastest codec that this process may use, chosen at the first compressed connection. */

import { publicCodec } from "./deflate-codec.ts";
import type { DeflateCodec } from "./deflate-codec.ts";
import { openPooledCodec } from "./pooled-zlib.ts";
import { deflateShort, MAX_SHORT_BYTES } from "./short-deflate.ts";

/** The level that says: as fast as can be. Any other is zlib's own. */
const FASTEST_LEVEL = 1;

/** Puts the encoder for short messages in front of `codec`. */
export function withShortDeflate(codec: DeflateCodec): DeflateCodec {
  return {
    deflate: (bytes, settings) =>
      settings.level === FASTEST_LEVEL && bytes.length <= MAX_SHORT_BYTES
        ? deflateShort(bytes, settings.dictionary, 2 ** settings.windowBits)
        : codec.deflate(bytes, settings),
    inflate: (payload, settings) => codec.inflate(payload, settings),
  };
}

let chosen: DeflateCodec | undefined;

/**
 * Gives the codec of this process. The environment variable `LONGWIRE_PUBLIC_API_ONLY=1` keeps it to Node's public
 * functions.
 */
export function chooseCodec(): DeflateCodec {
  if (chosen === undefined) {
    const publicOnly = process.env["LONGWIRE_PUBLIC_API_ONLY"] === "1";
    chosen = withShortDeflate((publicOnly ? undefined : openPooledCodec()) ?? publicCodec);
  }
  return chosen;
}
