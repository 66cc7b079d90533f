/**
 * Memory of messages that are valid during a callback only: that of the read, or a store that serves the next message.
 *
 *     store ─lend()─► callback ─takeBack()─► spare ─takeStore()─► the next message
 *                        └─ keepStore(): a write that is still under way has it now
 */

import { allocateStore } from "./message-memory.ts";
import { copyFromReadMemory, readMemory } from "./read-memory.ts";

// What the process keeps for the next messages, the newest of it. Four connections that echo 1 MiB each use all of it.
const MAX_SPARE_BYTES = 4_194_304;
// Shorter ones are quickly made, and would be many to look through.
const MIN_SPARE_BYTES = 16_384;
// A message may have a store that is too big by this much: one that is kept must not keep far more than its length.
const MAX_EXCESS = 2;

const spares: Buffer[] = [];
let spareBytes = 0;
/** Stores of the callbacks that run right now, the innermost last; undefined: somebody has kept it. */
const lent: (Buffer | undefined)[] = [];

/** Gives memory for at least so many bytes, not set to zero. */
export function takeStore(bytes: number): Buffer {
  const at = spares.findIndex(({ length }) => length >= bytes && length <= bytes * MAX_EXCESS);
  const [spare] = at < 0 ? [] : spares.splice(at, 1);
  if (spare === undefined) return allocateStore(bytes);
  spareBytes -= spare.length;
  return spare;
}

/** Takes memory that nobody looks at any more. */
export function giveStore(store: Buffer): void {
  if (store.length < MIN_SPARE_BYTES || store.length > MAX_SPARE_BYTES) return;
  spares.push(store);
  spareBytes += store.length;
  while (spareBytes > MAX_SPARE_BYTES) spareBytes -= spares.shift()!.length; // too many, so there is one
}

/** A callback is about to see `store`. {@link takeBack} must follow when it has returned. */
export function lend(store: Buffer): void {
  lent.push(store);
}

/** The callback has returned: its store serves the next message, unless somebody has kept it. */
export function takeBack(): void {
  const store = lent.pop();
  if (store !== undefined) giveStore(store);
}

/** Bytes that stay as they are past the callback: a copy of what lies in the read memory, a store that is kept, or `bytes`. */
export function keepBytes<Bytes extends Uint8Array>(bytes: Bytes): Bytes | Buffer {
  const kept = copyIfRead(bytes);
  keepStore(kept);
  return kept;
}

/** A copy of what lies in the read memory, which the next read writes over; anything else as it is. */
export function copyIfRead<Bytes extends Uint8Array>(bytes: Bytes): Bytes | Buffer {
  if (bytes.buffer !== readMemory.buffer) return bytes;
  return copyFromReadMemory(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

/** Somebody needs `bytes` past the callback: the store that they lie in is not used again. */
export function keepStore(bytes: Uint8Array): void {
  for (let at = 0; at < lent.length; at++)
    if (lent[at]?.buffer === bytes.buffer) lent[at] = undefined;
}
