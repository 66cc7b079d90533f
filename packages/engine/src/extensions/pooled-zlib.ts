/**
 * zlib without its set-up: one z_stream per kind of use and process, reset for each message.
 *
 * Node has no public way to give a stream another dictionary, so this calls two methods of the object that Node's
 * stream holds. A call with other arguments than that object expects ends the process; therefore nothing is called
 * that this Node has not been seen to call in just the same way ({@link observe}), nothing is used whose results differ
 * from the public functions' in one byte ({@link probe}), and what does not pass leaves everything to the public codec.
 *
 * A message of 1 KiB with 4 KiB before it takes 26 µs to deflate at level 1 and 6 µs to inflate, where the public
 * functions take 38 and 13 (Node 20; docs/compression.md has the tables).
 */

import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  deflateRawSync,
  type DeflateRaw,
  type InflateRaw,
} from "node:zlib";
import {
  deflateOptions,
  inflateStreams,
  ownCopy,
  publicCodec,
  TAIL_BYTES,
  TRAILER,
} from "./deflate-codec.ts";
import type { DeflateCodec, DeflateSettings, Inflated, InflateSettings } from "./deflate-codec.ts";

type Method = (...given: unknown[]) => void;

/** The object that Node's stream holds, as far as it is used here. */
interface Handle {
  init: Method;
  writeSync: Method;
  onerror: (message: string) => void;
}

interface Pooled {
  readonly stream: DeflateRaw | InflateRaw;
  readonly handle: Handle;
  /** What Node gave to `init` for this stream; the dictionary of the next message takes its place there. */
  readonly init: unknown[];
  /** Where zlib tells how many bytes of output and input it has left. */
  readonly left: Uint32Array;
}

// Where `init` takes these; checked for every stream.
const LEFT = 4;
const DICTIONARY = 6;

const OUTPUT_BYTES = 65_536;
// A message that is not longer is put in front of its trailer here, without an allocation.
const SHORT_INPUT_BYTES = 16_384;

class PooledCodec implements DeflateCodec {
  readonly #deflaters: Map<number, Pooled> = new Map();
  readonly #inflaters: Map<number, Pooled> = new Map();
  readonly #output: Buffer = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
  readonly #input: Buffer = Buffer.allocUnsafeSlow(SHORT_INPUT_BYTES + TRAILER.length);
  #failure: string | undefined;

  deflate(bytes: Uint8Array, settings: DeflateSettings): Buffer {
    const pooled = this.#deflater(settings);
    this.#begin(pooled, settings.dictionary);
    const { left } = pooled;
    let pieces: Buffer[] | undefined;
    let from = 0;
    for (;;) {
      this.#write(pooled, constants.Z_SYNC_FLUSH, bytes, from, OUTPUT_BYTES);
      const room = left[0]!;
      const piece = this.#output.subarray(0, OUTPUT_BYTES - room);
      if (room > 0) return pieces === undefined ? piece : Buffer.concat([...pieces, piece]);
      (pieces ??= []).push(ownCopy(piece));
      from = bytes.length - left[1]!;
    }
  }

  inflate(payload: Uint8Array, settings: InflateSettings): Buffer | undefined {
    return inflateStreams(this.#withTrailer(payload), settings, this.#inflateStream);
  }

  readonly #inflateStream = (
    bytes: Uint8Array,
    settings: InflateSettings,
  ): Inflated | undefined => {
    const pooled = this.#inflater(settings.windowBits);
    this.#begin(pooled, settings.dictionary);
    const { left } = pooled;
    let pieces: Buffer[] | undefined;
    let length = 0;
    let from = 0;
    for (;;) {
      // One byte over the limit is enough to know.
      const offered = Math.min(OUTPUT_BYTES, settings.limit - length + 1);
      this.#write(pooled, constants.Z_FINISH, bytes, from, offered);
      const room = left[0]!;
      length += offered - room;
      if (length > settings.limit) return undefined;
      const piece = ownCopy(this.#output.subarray(0, offered - room));
      const used = bytes.length - left[1]!;
      if (room > 0) {
        const plaintext = pieces === undefined ? piece : Buffer.concat([...pieces, piece]);
        return { plaintext, used };
      }
      (pieces ??= []).push(piece);
      from = used;
    }
  };

  /** Gives the memory of all handles back. */
  close(): void {
    for (const { stream } of [...this.#deflaters.values(), ...this.#inflaters.values()]) {
      stream.close();
    }
    this.#deflaters.clear();
    this.#inflaters.clear();
  }

  #withTrailer(payload: Uint8Array): Uint8Array {
    if (payload.length > SHORT_INPUT_BYTES) return Buffer.concat([payload, TRAILER]);
    this.#input.set(payload);
    this.#input.set(TRAILER, payload.length);
    return this.#input.subarray(0, payload.length + TRAILER.length);
  }

  #begin(pooled: Pooled, dictionary: Uint8Array | undefined): void {
    pooled.init[DICTIONARY] = dictionary;
    Reflect.apply(pooled.handle.init, pooled.handle, pooled.init);
    pooled.stream.reset();
  }

  #write(pooled: Pooled, flush: number, bytes: Uint8Array, from: number, room: number): void {
    // What zlib leaves as it is after an error: nothing done. So nothing here can go round for ever.
    pooled.left[0] = room;
    pooled.left[1] = bytes.length - from;
    pooled.handle.writeSync(flush, bytes, from, bytes.length - from, this.#output, 0, room);
    const failure = this.#failure;
    if (failure === undefined) return;
    this.#failure = undefined;
    throw new Error(failure);
  }

  #deflater(settings: DeflateSettings): Pooled {
    const { level, memLevel, windowBits } = settings;
    const key = ((level + 2) * 16 + memLevel) * 16 + windowBits;
    let pooled = this.#deflaters.get(key);
    if (pooled === undefined) {
      const options = deflateOptions({ ...settings, dictionary: SAMPLE });
      pooled = this.#open(() => createDeflateRaw({ ...options, chunkSize: constants.Z_MIN_CHUNK }));
      this.#deflaters.set(key, pooled);
    }
    return pooled;
  }

  #inflater(windowBits: number): Pooled {
    let pooled = this.#inflaters.get(windowBits);
    if (pooled === undefined) {
      pooled = this.#open(() =>
        createInflateRaw({ windowBits, dictionary: SAMPLE, chunkSize: constants.Z_MIN_CHUNK }),
      );
      this.#inflaters.set(windowBits, pooled);
    }
    return pooled;
  }

  /** @throws Error when Node does not make streams as it did when this was written. */
  #open(make: () => DeflateRaw | InflateRaw): Pooled {
    let stream: DeflateRaw | InflateRaw | undefined;
    const init = observe("init", () => (stream = make()));
    const left = init[LEFT];
    if (stream === undefined || init[DICTIONARY] !== SAMPLE || !(left instanceof Uint32Array)) {
      throw new Error("zlib's init takes other arguments");
    }
    const handle = handleOf(stream);
    // Node's own would destroy the stream: corrupt data of one peer must not cost the others theirs.
    handle.onerror = (message) => (this.#failure = message);
    return { stream, handle, init, left };
  }
}

const SAMPLE = Buffer.from("a sample of what is compressed: a sample, a sample");

function handleOf(stream: DeflateRaw | InflateRaw): Handle {
  return Reflect.get(stream, "_handle") as Handle; // what is called on it has been observed
}

/** Runs `action` and gives the arguments with which Node has called `name` on its object meanwhile, once. */
function observe(name: "init" | "writeSync", action: () => void): unknown[] {
  const prototype = Object.getPrototypeOf(handleOf(createInflateRaw())) as Handle;
  const original = prototype[name];
  if (!Object.hasOwn(prototype, name) || typeof original !== "function") {
    throw new Error(`zlib has no ${name}`);
  }
  const calls: unknown[][] = [];
  prototype[name] = function (this: unknown, ...given: unknown[]) {
    calls.push(given);
    return Reflect.apply(original, this, given);
  };
  try {
    action();
  } finally {
    prototype[name] = original;
  }
  if (calls.length !== 1) throw new Error(`zlib called ${name} ${calls.length} times`);
  return calls[0]!;
}

/** Holds the codec against the public one. Throws, or gives false, when anything differs. */
function probe(codec: DeflateCodec): boolean {
  const seen = observe("writeSync", () => deflateRawSync(SAMPLE, { finishFlush: 2 }));
  const [flush, bytes, from, length, output, to, room] = seen;
  const expected =
    seen.length === 7 && flush === 2 && bytes === SAMPLE && from === 0 && length === SAMPLE.length;
  if (!expected || !(output instanceof Uint8Array) || to !== 0 || room !== output.length) {
    return false;
  }
  const long = Buffer.alloc(OUTPUT_BYTES + 1, SAMPLE);
  return (
    agrees(codec, SAMPLE, { windowBits: 12, level: 1, memLevel: 5, dictionary: undefined }) &&
    agrees(codec, SAMPLE, { windowBits: 12, level: 1, memLevel: 5, dictionary: SAMPLE }) &&
    // The same handle again: nothing of the message before may be left.
    agrees(codec, SAMPLE, { windowBits: 12, level: 1, memLevel: 5, dictionary: undefined }) &&
    agrees(codec, long, { windowBits: 9, level: 6, memLevel: 8, dictionary: long.subarray(0, 512) })
  );
}

function agrees(codec: DeflateCodec, message: Buffer, settings: DeflateSettings): boolean {
  const blocks = ownCopy(codec.deflate(message, settings));
  if (!blocks.equals(publicCodec.deflate(message, settings))) return false;
  const payload = blocks.subarray(0, -TAIL_BYTES);
  const { length } = message;
  return (
    codec.inflate(payload, { ...settings, limit: length })?.equals(message) === true &&
    codec.inflate(payload, { ...settings, limit: length - 1 }) === undefined &&
    codec.inflate(EARLY_END, { ...settings, limit: 0 })?.length === 0 &&
    isCorrupt(codec, CORRUPT, settings) &&
    isCorrupt(codec, payload.subarray(0, -1), settings)
  );
}

const EARLY_END = Buffer.from([0x03, 0x00, 0x00]); // an empty final block, then an empty stored one
const CORRUPT = Buffer.from([0xff, 0xff, 0xff]);

function isCorrupt(codec: DeflateCodec, payload: Uint8Array, settings: DeflateSettings): boolean {
  try {
    codec.inflate(payload, { ...settings, limit: Infinity });
    return false;
  } catch {
    return true;
  }
}

/** Gives the codec, or `undefined` where it can't be used. */
export function openPooledCodec(): DeflateCodec | undefined {
  const tried = new PooledCodec();
  try {
    return probe(tried) ? new PooledCodec() : undefined;
  } catch {
    return undefined;
  } finally {
    tried.close();
  }
}
