/** Compresses and decompresses one message (RFC 7692 §7.2) by zlib's public functions. The seam for faster ways. */

import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

export interface DeflateSettings {
  readonly level: number;
  readonly memLevel: number;
  /** 8-15; zlib compresses at 9 for 8, and then never reaches back further than 250 bytes. */
  readonly windowBits: number;
  /** Plaintext that came before, as far as the other side still has it. */
  readonly dictionary: Uint8Array | undefined;
}

export interface InflateSettings {
  readonly windowBits: number;
  readonly dictionary: Uint8Array | undefined;
  /** Longest result in bytes. */
  readonly limit: number;
}

/** One message in, one message out; nothing is kept between calls. */
export interface DeflateCodec {
  /** Gives complete blocks that end on a byte: with the 00 00 ff ff that §7.2.1 has the sender remove. */
  deflate(bytes: Uint8Array, settings: DeflateSettings): Buffer;
  /** Gives the plaintext of a whole payload, in memory of its own; `undefined` when it is longer than the limit. Throws for corrupt input. */
  inflate(payload: Uint8Array, settings: InflateSettings): Buffer | undefined;
}

/** "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end" §7.2.1 */
export const TAIL_BYTES = 4;

// What the sender has removed, and an empty final block, so that an end that is missing shows:
// a sync flush would take 83 % of all truncations for valid.
const TRAILER = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff]);

// zlib's result is a view of a 16 KiB chunk; a short message must not keep that.
const KEEP_VIEW_FROM_BYTES = 8192;
const MAX_STREAMS_IN_A_MESSAGE = 1024;

export const publicCodec: DeflateCodec = { deflate, inflate };

function deflate(bytes: Uint8Array, settings: DeflateSettings): Buffer {
  const { level, memLevel, dictionary } = settings;
  return deflateRawSync(bytes, {
    level,
    memLevel,
    windowBits: Math.max(9, settings.windowBits),
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(dictionary === undefined ? {} : { dictionary }),
  });
}

function inflate(payload: Uint8Array, settings: InflateSettings): Buffer | undefined {
  let rest: Uint8Array = Buffer.concat([payload, TRAILER]);
  let { dictionary } = settings;
  const results: Buffer[] = [];
  let length = 0;
  // A sender may end a block with BFINAL (§7.2.3.4): what follows is another deflate stream on the same window.
  for (let stream = 0; rest.length > 0 && stream < MAX_STREAMS_IN_A_MESSAGE; stream++) {
    const left = settings.limit - length;
    const inflated = inflateStream(rest, settings.windowBits, dictionary, left);
    if (inflated === undefined) return undefined;
    results.push(inflated.buffer);
    length += inflated.buffer.length;
    rest = rest.subarray(inflated.used);
    if (rest.length < TRAILER.length) return join(results, length);
    dictionary = Buffer.concat([dictionary ?? EMPTY, inflated.buffer]).subarray(
      -(2 ** settings.windowBits),
    );
  }
  throw new Error("deflate data goes on behind its end");
}

const EMPTY = Buffer.alloc(0);

interface Inflated {
  readonly buffer: Buffer;
  readonly used: number;
}

function inflateStream(
  bytes: Uint8Array,
  windowBits: number,
  dictionary: Uint8Array | undefined,
  limit: number,
): Inflated | undefined {
  try {
    const result: unknown = inflateRawSync(bytes, {
      windowBits,
      maxOutputLength: Math.max(1, Math.min(limit, MAX_OUTPUT_BYTES)),
      info: true,
      ...(dictionary === undefined ? {} : { dictionary }),
    });
    // With `info` the result is not the Buffer that the types promise.
    const { buffer, engine } = result as { buffer: Buffer; engine: { bytesWritten: number } };
    return buffer.length > limit ? undefined : { buffer, used: engine.bytesWritten };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE")
      return undefined;
    throw error;
  }
}

// What zlib takes for `maxOutputLength`: 4 GiB on 64 bits in the oldest Node supported.
const MAX_OUTPUT_BYTES = 4_294_967_296;

function join(results: readonly Buffer[], length: number): Buffer {
  const first = results[0] ?? EMPTY;
  if (results.length === 1 && length >= KEEP_VIEW_FROM_BYTES) return first;
  const joined = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const result of results) {
    joined.set(result, at);
    at += result.length;
  }
  return joined;
}
