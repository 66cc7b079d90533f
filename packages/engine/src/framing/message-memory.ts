/** Memory for received messages: outside V8's heap, where neither its collector nor malloc expects so much in so little time. */

import { getHeapSpaceStatistics } from "node:v8";

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
// of MiB pile up, and it ends in a collection of everything, which takes 5 ms and more. So there is garbage beside them.
// Of a message that comes in one read a quarter of its bytes: an echo of 16 KiB on Node 24 takes 12 instead of 17 µs, its
// p99 is 0.5 instead of 4.4 ms. V8 11, that of Node 20, collects after 32 MiB by itself: 13.9 instead of 15.5 µs without.
const BALLAST_SHARE = 4;
const COLLECTS_BY_ITSELF = Number.parseInt(process.versions.v8, 10) < 12;
const BYTES_PER_ELEMENT = 8;
// Longer messages would need more of it the bigger the young space is, so that is filled up once in so many bytes: an echo
// of 1 MiB on Node 24 takes 765 instead of 1116 µs.
const FILL_INTERVAL_BYTES = 16_777_216;
const FILLING_BYTES = 16_384; // V8 puts what is much longer elsewhere

let bytesSinceFill = 0;
/** @internal Assigned, so that no compiler leaves it out. */
export let ballast: unknown[] | undefined;

/** Gives memory for a message that has come in one read, not set to zero. */
export function allocateMessage(bytes: number): Buffer {
  if (!COLLECTS_BY_ITSELF) addGarbage(bytes / BALLAST_SHARE);
  return Buffer.allocUnsafeSlow(bytes);
}

/** Gives memory for a message that comes in many reads, or for its beginning, not set to zero. */
export function allocateStore(bytes: number): Buffer {
  bytesSinceFill += bytes;
  if (bytesSinceFill > FILL_INTERVAL_BYTES) {
    bytesSinceFill = 0;
    fillYoungSpace();
  }
  return Buffer.allocUnsafeSlow(bytes);
}

function fillYoungSpace(): void {
  const young = getHeapSpaceStatistics().find((space) => space.space_name === "new_space");
  let left = young?.space_available_size ?? 0;
  for (; left > 0; left -= FILLING_BYTES) addGarbage(FILLING_BYTES);
}

function addGarbage(bytes: number): void {
  // oxlint-disable-next-line unicorn/no-new-array -- room for so many elements, and none of them
  ballast = new Array(Math.ceil(bytes / BYTES_PER_ELEMENT));
}
