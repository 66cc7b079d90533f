/** Memory for received messages: outside V8's heap, where neither its collector nor malloc expects so much in so little time. */

// glibc returns what is free at the end of its heap to the system, and gets it back by page faults: 0.7 µs each on a
// virtual machine. Whether it does depends on what happens to lie there. Once a block of this size has been freed, it
// keeps up to twice as much. Nothing is ever written to the block, so that it is no memory. An echo of 16 KiB takes
// 11.6 µs with it; without, from 11.6 to 19, another figure with each start of the process (Node 20).
const MALLOC_LESSON_BYTES = 16_777_216;
teachMalloc();

function teachMalloc(): void {
  Buffer.allocUnsafeSlow(MALLOC_LESSON_BYTES);
}

// V8 collects young objects when their space is full, and counts there the few bytes of a buffer, not its memory. Tens
// of MiB pile up, and it ends in a collection of everything, which takes 5 ms. So a quarter of the bytes goes into its
// heap as garbage. An echo of 16 KiB on Node 24: 17 -> 12 µs, its p99 4.4 -> 0.5 ms.
const BALLAST_SHARE = 4;
const BYTES_PER_ELEMENT = 8;
/** @internal Assigned, so that no compiler leaves it out. */
export let ballast: unknown[] | undefined;

/** Gives memory for a message that has come whole, not set to zero. */
export function allocateMessage(bytes: number): Buffer {
  // oxlint-disable-next-line unicorn/no-new-array -- room for so many elements, and none of them
  ballast = new Array(Math.ceil(bytes / BALLAST_SHARE / BYTES_PER_ELEMENT));
  return Buffer.allocUnsafeSlow(bytes);
}
