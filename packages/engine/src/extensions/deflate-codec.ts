/** Compresses and decompresses one message (RFC 7692 §7.2) by zlib's public functions. The seam for faster ways. */

import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from "node:zlib";

export interface DeflateSettings {
  /** -2 Huffman codes only, -1 to 9 zlib's levels. */
  readonly level: number;
  /** 1-9, size of zlib's tables. */
  readonly memLevel: number;
  /** 8-15; zlib compresses at 9 for 8, and then never reaches back further than 250 bytes. */
  readonly windowBits: number;
  /** Plaintext that came before, as far as the other side still has it. */
  readonly dictionary: Uint8Array | undefined;
}

export interface InflateSettings {
  /** 8-15. */
  readonly windowBits: number;
  readonly dictionary: Uint8Array | undefined;
  /** Longest result in bytes. */
  readonly limit: number;
}

/** One message in, one message out; nothing is kept between calls. */
export interface DeflateCodec {
  /**
   * Gives complete blocks that end on a byte: with the 00 00 ff ff that §7.2.1 has the sender remove.
   * They are valid until the next call.
   */
  deflate(bytes: Uint8Array, settings: DeflateSettings): Buffer;
  /** Gives the plaintext of a whole payload, in memory of its own; `undefined` when it is longer than the limit. Throws for corrupt input. */
  inflate(payload: Uint8Array, settings: InflateSettings): Buffer | undefined;
}

/** "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end" §7.2.1 */
export const TAIL_BYTES = 4;

/**
 * What the sender has removed, and an empty final block, so that an end that is missing shows:
 * a sync flush would take 83 % of all truncations for valid.
 */
export const TRAILER: Buffer = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff]);

/** Ends of deflate streams that one message may hold: each costs the set-up of zlib and 2 bytes of the sender. */
export const MAX_STREAMS_IN_A_MESSAGE = 1024;

export const publicCodec: DeflateCodec = {
  deflate: (bytes, settings) =>
    deflateRawSync(bytes, {
      ...deflateOptions(settings),
      chunkSize: chunkSize(bytes.length + STORED_OVERHEAD_BYTES),
    }),
  inflate: (payload, settings) =>
    inflateStreams(Buffer.concat([payload, TRAILER]), settings, inflateStream),
};

// Node allocates its result in chunks, 16 KiB by default, outside the JavaScript heap: for messages of 1 KiB that alone
// made the collector run so often that an echo cost 135 µs instead of 71 (Node 24).
function chunkSize(likelyLength: number): number {
  return Math.min(65_536, Math.max(256, likelyLength));
}

/** What is stored gets longer by so much, up to 50 KiB. */
const STORED_OVERHEAD_BYTES = 64;
/** JSON shrinks to a quarter to a sixth. A result that is longer takes more chunks. */
const LIKELY_GROWTH = 6;

/** Huffman codes alone, without matches: for zlib not a level but a strategy. */
const HUFFMAN_ONLY_LEVEL = -2;

/** {@link DeflateSettings} as Node's zlib takes them. */
export function deflateOptions(settings: DeflateSettings): ZlibOptions {
  const { level, memLevel, dictionary } = settings;
  const huffmanOnly = level === HUFFMAN_ONLY_LEVEL;
  return {
    level: huffmanOnly ? 1 : level,
    memLevel,
    windowBits: Math.max(9, settings.windowBits),
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(huffmanOnly ? { strategy: constants.Z_HUFFMAN_ONLY } : {}),
    ...(dictionary === undefined ? {} : { dictionary }),
  };
}

/** One deflate stream, inflated to its end. */
export interface Inflated {
  /** The plaintext, in memory of its own. */
  readonly plaintext: Buffer;
  /** Bytes of the input that belong to it. */
  readonly used: number;
}

/** Inflates one deflate stream at the start of `bytes`; `undefined` when it is longer than the limit. Throws for corrupt input. */
export type InflateStream = (bytes: Uint8Array, settings: InflateSettings) => Inflated | undefined;

/**
 * Inflates the payload of a message with {@link TRAILER} behind it, stream by stream: a sender may end a block with
 * BFINAL (§7.2.3.4), and what follows is another stream on the same window.
 */
export function inflateStreams(
  payload: Uint8Array,
  settings: InflateSettings,
  inflateOne: InflateStream,
): Buffer | undefined {
  const { windowBits, limit } = settings;
  let { dictionary } = settings;
  let rest = payload;
  let results: Buffer[] | undefined;
  let length = 0;
  for (let streams = 0; streams < MAX_STREAMS_IN_A_MESSAGE; streams++) {
    const inflated = inflateOne(rest, { windowBits, dictionary, limit: limit - length });
    if (inflated === undefined) return undefined;
    const { plaintext, used } = inflated;
    const isLast = rest.length - used < TRAILER.length;
    if (isLast && results === undefined) return plaintext;
    (results ??= []).push(plaintext);
    if (isLast) return Buffer.concat(results);
    length += plaintext.length;
    rest = rest.subarray(used);
    dictionary = Buffer.concat([dictionary ?? EMPTY, plaintext]).subarray(-(2 ** windowBits));
  }
  throw new Error(`more than ${MAX_STREAMS_IN_A_MESSAGE} deflate streams in a message`);
}

const EMPTY = Buffer.alloc(0);

function inflateStream(bytes: Uint8Array, settings: InflateSettings): Inflated | undefined {
  const { windowBits, dictionary, limit } = settings;
  try {
    const result: unknown = inflateRawSync(bytes, {
      windowBits,
      maxOutputLength: Math.max(1, Math.min(limit, MAX_OUTPUT_BYTES)),
      chunkSize: chunkSize(bytes.length * LIKELY_GROWTH),
      info: true,
      ...(dictionary === undefined ? {} : { dictionary }),
    });
    // With `info` the result is not the Buffer that the types promise.
    const { buffer, engine } = result as { buffer: Buffer; engine: { bytesWritten: number } };
    if (buffer.length > limit) return undefined;
    // A view of a longer chunk would keep all of that.
    const wasted = buffer.buffer.byteLength - buffer.length;
    return {
      plaintext: wasted * 4 > buffer.length ? ownCopy(buffer) : buffer,
      used: engine.bytesWritten,
    };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE")
      return undefined;
    throw error;
  }
}

// What zlib takes for `maxOutputLength`: 4 GiB on 64 bits in the oldest Node supported.
const MAX_OUTPUT_BYTES = 4_294_967_296;

/** Copies bytes into memory that nothing else is in. */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
