/**
 * Deflates short messages in JavaScript: one probe into a hash table, fixed Huffman codes (RFC 1951).
 *
 * What zlib does for each call, whatever its length, costs more than a short message is worth: it clears 64 KiB of
 * hash table, enters every byte of the dictionary, and builds three Huffman trees. Per message of JSON with 4 KiB of
 * earlier ones behind it, Node 20 / 24, in µs (docs/compression.md has the method):
 *
 *     bytes   this        pooled zlib, level 1   share of the plaintext: this, zlib
 *     128      4 /  3      15 / 13                0.37, 0.35
 *     1,024   10 /  8      26 / 24                0.33, 0.29
 *     4,096   30 / 23      50 / 47                0.31, 0.28
 */

import {
  CODE_BITS,
  DISTANCE_CODES,
  FIRST_LONG_LITERAL,
  LENGTH_CODES,
  LITERAL_CODES,
  MAX_MATCH_BYTES,
} from "./fixed-huffman.ts";

/** Longest message taken. Above it, Huffman codes made for the message save a tenth and more. */
export const MAX_SHORT_BYTES = 2048;
/** More of the past than this is not looked at: entering it in the table is what would cost. */
const MAX_HISTORY_BYTES = 4096;

const HASH_BITS = 12;
const HASH_SHIFT = 32 - HASH_BITS;
const HASH_FACTOR = 0x9e37_79b1; // 2^32 / golden ratio
/** Bytes that are compared at once: a match is at least as long. */
const PROBE_BYTES = 4;
// Every second place of the past is entered: a match is then found one byte late, and extended backwards.
const ENTRY_STEP = 2;
// Behind 32 literals in a row the probes get sparser: what has not matched so far is likely noise.
const SKIP_SHIFT = 5;

const STORED_HEADER_BYTES = 5;
const SYNC_BYTES = 5;
const MOST_INPUT_BYTES = MAX_HISTORY_BYTES + MAX_SHORT_BYTES;

// One of each for the process: a call is synchronous and leaves nothing that a later one reads.
const input: Uint8Array = new Uint8Array(MOST_INPUT_BYTES);
const inputView: DataView = new DataView(input.buffer);
const output: Buffer = Buffer.allocUnsafeSlow(MAX_SHORT_BYTES * 2);
/** Where each hash was last seen, counted through all calls, so that the table need never be cleared. */
const lastSeen: Int32Array = new Int32Array(1 << HASH_BITS).fill(-1);
let seenBefore = 0;
const MOST_SEEN = 2 ** 30;
/** Matches found: where each begins, then its length and distance. */
const matches: Int32Array = new Int32Array((MAX_SHORT_BYTES / PROBE_BYTES + 1) * 2);

/**
 * Deflates a message of at most {@link MAX_SHORT_BYTES}.
 *
 * @param dictionary - Plaintext before it that the other side still has.
 * @param maxDistance - The window in bytes.
 * @returns Complete blocks that end on a byte, with 00 00 ff ff; valid until the next call.
 */
export function deflateShort(
  message: Uint8Array,
  dictionary: Uint8Array | undefined,
  maxDistance: number,
): Buffer {
  let from = 0;
  if (dictionary !== undefined) {
    const skipped = Math.max(0, dictionary.length - MAX_HISTORY_BYTES);
    input.set(skipped === 0 ? dictionary : dictionary.subarray(skipped));
    from = dictionary.length - skipped;
  }
  const end = from + message.length;
  input.set(message, from);
  if (seenBefore > MOST_SEEN) {
    lastSeen.fill(-1);
    seenBefore = 0;
  }
  const base = seenBefore;
  seenBefore += end;
  enter(0, from - PROBE_BYTES, base);
  findMatches(from, end, base, maxDistance);
  let length = writeBlock(from, end);
  if (length > message.length + STORED_HEADER_BYTES + SYNC_BYTES) length = writeStored(message);
  return output.subarray(0, length);
}

/** Enters places of the input into the table, `last` included. */
function enter(first: number, last: number, base: number): void {
  for (let at = first; at <= last; at += ENTRY_STEP) {
    const hash = Math.imul(inputView.getInt32(at, true), HASH_FACTOR) >>> HASH_SHIFT;
    lastSeen[hash] = base + at;
  }
}

/** Finds matches greedily and lists them, closed by one of length 0 at `end`. */
function findMatches(from: number, end: number, base: number, maxDistance: number): void {
  const lastProbe = end - PROBE_BYTES;
  let count = 0;
  let literals = from; // what has not been covered by a match begins here
  let at = from;
  while (at <= lastProbe) {
    const bytes = inputView.getInt32(at, true);
    const hash = Math.imul(bytes, HASH_FACTOR) >>> HASH_SHIFT;
    let earlier = lastSeen[hash]! - base; // a hash is below the table's length
    lastSeen[hash] = base + at;
    const distance = at - earlier;
    if (earlier < 0 || distance > maxDistance || inputView.getInt32(earlier, true) !== bytes) {
      at += 1 + ((at - literals) >> SKIP_SHIFT);
      continue;
    }
    let start = at;
    while (start > literals && earlier > 0 && input[start - 1] === input[earlier - 1]) {
      start--;
      earlier--;
    }
    const longest = Math.min(end, start + MAX_MATCH_BYTES);
    let stop = Math.min(at + PROBE_BYTES, longest);
    while (stop < longest && input[stop] === input[stop - distance]) stop++;
    matches[count++] = start;
    matches[count++] = ((stop - start) << 16) | distance;
    enter(at + ENTRY_STEP, Math.min(stop, lastProbe) - 1, base);
    literals = stop;
    at = stop;
  }
  matches[count++] = end;
  matches[count] = 0;
}

// Block header: not the last block (0), fixed codes (01, low bit first), RFC 1951 §3.2.3.
const FIXED_BLOCK = 0b010;
const BLOCK_HEADER_BITS = 3;
const END_OF_BLOCK_BITS = 7; // its code is all zeros

/** Writes literals and matches as one block, and an empty stored block behind it that ends on a byte. */
function writeBlock(from: number, end: number): number {
  // At most 7 bits wait between two codes, so that 24 more fit.
  let bits = FIXED_BLOCK;
  let count = BLOCK_HEADER_BITS;
  let to = 0;
  let at = from;
  for (let match = 0; ; match += 2) {
    const start = matches[match]!; // the list is closed by a match of length 0
    for (; at < start; at++) {
      const literal = input[at]!;
      bits |= LITERAL_CODES[literal]! << count;
      if (literal >= FIRST_LONG_LITERAL && ++count === 8) {
        output[to++] = bits;
        bits >>>= 8;
        count = 0;
      }
      output[to++] = bits;
      bits >>>= 8;
    }
    if (start === end) break;
    const lengthAndDistance = matches[match + 1]!;
    const lengthCode = LENGTH_CODES[lengthAndDistance >>> 16]!;
    bits |= (lengthCode & CODE_MASK) << count;
    count += lengthCode >>> CODE_BITS;
    output[to] = bits;
    output[to + 1] = bits >>> 8;
    to += count >>> 3;
    bits >>>= count & WHOLE_BYTES;
    count &= 7;
    const distanceCode = DISTANCE_CODES[lengthAndDistance & 0xffff]!;
    bits |= (distanceCode & CODE_MASK) << count;
    count += distanceCode >>> CODE_BITS;
    output[to] = bits;
    output[to + 1] = bits >>> 8;
    output[to + 2] = bits >>> 16;
    to += count >>> 3;
    bits >>>= count & WHOLE_BYTES;
    count &= 7;
    at = start + (lengthAndDistance >>> 16);
  }
  return writeSync(to, bits, count + END_OF_BLOCK_BITS + BLOCK_HEADER_BITS);
}

const CODE_MASK = (1 << CODE_BITS) - 1;
const WHOLE_BYTES = 24; // of a number of bits below 32, in bits

/** Pads to a byte and writes the lengths of an empty stored block (§3.2.4), whose header is all zeros. */
function writeSync(at: number, bits: number, count: number): number {
  let to = at;
  for (let left = count; left > 0; left -= 8) {
    output[to++] = bits;
    bits >>>= 8;
  }
  output[to] = 0x00;
  output[to + 1] = 0x00;
  output[to + 2] = 0xff;
  output[to + 3] = 0xff;
  return to + 4;
}

/** Writes what does not get shorter as it is. */
function writeStored(message: Uint8Array): number {
  output[0] = 0;
  output.writeUInt16LE(message.length, 1);
  output.writeUInt16LE(0xffff - message.length, 3);
  output.set(message, STORED_HEADER_BYTES);
  return writeSync(STORED_HEADER_BYTES + message.length, 0, BLOCK_HEADER_BITS);
}
