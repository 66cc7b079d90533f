/**
 * The memory that all sockets of this process read into, one read at a time, and its masking kernel.
 *
 * Whoever wants bytes of it past the call that brought them takes a copy. In return a read allocates nothing, where
 * Node's own way takes 64 KiB and gives most of it back: 1.3 of 5.7 µs of an echo (Node 20).
 */

import { FastBuffer } from "./fast-buffer.ts";
import { MASK_KERNEL } from "./mask-kernel.ts";
import { allocateMessage } from "./message-memory.ts";

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly mask: (at: number, end: number, key: number) => number;
}

// lib.dom declares WebAssembly and lib.esnext does not; this is what is used of it.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/**
 * Bytes of one read: four pages of WebAssembly memory, where Node reads 64 KiB at a time. An echo of 1 MiB takes 774 µs
 * with it, 829 with 128 KiB and 900 with 64 (Node 20). A connection that pauses keeps at most what it has of one read.
 */
export const READ_MEMORY_BYTES = 262_144;

// V8 keeps what is not longer in its own heap: as fast as a piece of a pool, and nothing else is kept with it.
export const MAX_HEAP_BYTES = 64;
// Up to here copies share an allocation: 272 instead of 587 ns for 200 bytes (Node 20).
const MAX_SHARED_BYTES = 512;
// What such a copy may keep in memory beside itself; Node's own pool is 64 KiB from Node 24 on. The queue of a reader
// counts it whole, since the other copies may be gone.
const SLAB_BYTES = 2048;

const kernel = instantiate();
// The object of exports is one of V8's slow ones: 9 ns a look.
const mask = kernel?.mask;

/** One view for all reads, so that `chunk === readMemory` tells where a chunk lies. */
export const readMemory: Buffer =
  kernel === undefined
    ? Buffer.allocUnsafeSlow(READ_MEMORY_BYTES)
    : Buffer.from(kernel.memory.buffer);

/**
 * Unmasks `readMemory[start, end)` in place by SIMD: 64 bytes in 6 ns and 16 KiB in 0.3 µs, where masking.ts takes
 * 21 ns and 2.0 µs elsewhere (Node 20). Tells whether all is ASCII.
 * `undefined` where WebAssembly can't be had (`node --jitless`), or knows no SIMD.
 *
 * @param key - The 4 key bytes as one big-endian number, the first for `start`.
 */
export const maskInReadMemory: ((start: number, end: number, key: number) => boolean) | undefined =
  mask === undefined ? undefined : (start, end, key) => mask(start, end, littleEndian(key)) === 0;

const { buffer: readMemoryBuffer } = readMemory;

let slab: ArrayBufferLike = new ArrayBuffer(0);
let slabLeft = 0;

/** Copies `readMemory[start, end)` out. Up to 512 bytes the copy may share memory of 2 KiB with others. */
export function copyFromReadMemory(start: number, end: number): Buffer {
  const length = end - start;
  const bytes = new Uint8Array(readMemoryBuffer, start, length); // 30 ns less than by Buffer.subarray
  if (length <= MAX_HEAP_BYTES) return new FastBuffer(bytes);
  const copy = length > MAX_SHARED_BYTES ? allocateMessage(length) : takeFromSlab(length);
  copy.set(bytes);
  return copy;
}

/** A view of `readMemory[start, end)`, which the next read writes over. */
export function viewReadMemory(start: number, end: number): Buffer {
  return new FastBuffer(readMemoryBuffer, start, end - start);
}

function takeFromSlab(length: number): Buffer {
  if (slabLeft < length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES).buffer;
    slabLeft = SLAB_BYTES;
  }
  slabLeft -= length;
  return new FastBuffer(slab, SLAB_BYTES - slabLeft - length, length);
}

/** WebAssembly memory is little-endian on every machine. */
function littleEndian(key: number): number {
  return (key >>> 24) | ((key >>> 8) & 0xff00) | ((key & 0xff00) << 8) | (key << 24);
}

function instantiate(): Kernel | undefined {
  try {
    const bytes = Uint8Array.from(atob(MASK_KERNEL), (char) => char.charCodeAt(0));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return instance.exports as Kernel; // as its source says
  } catch {
    return undefined;
  }
}
