/** Messages that wait for a reader, with the water marks that pause the socket. */

import { MAX_HEAP_BYTES } from "../framing/read-memory.ts";
import type { Message } from "../messages/message.ts";
import type { ConnLimits } from "./limits.ts";

/** Water marks. */
type ReadQueueLimits = Pick<ConnLimits, "readQueueBytes" | "readQueueMessages">;

const COMPACT_AT = 1024;

/** At a water mark, `extraBytes` of an unfinished message included. Without a queue nothing waits. */
export function isFull<In>(
  queue: ReadQueue<In> | undefined,
  { readQueueBytes, readQueueMessages }: ReadQueueLimits,
  extraBytes = 0,
): boolean {
  if (queue === undefined) return extraBytes >= readQueueBytes;
  return queue.length >= readQueueMessages || queue.bytes + extraBytes >= readQueueBytes;
}

export class ReadQueue<In> {
  /** Both undefined while nothing waits: idle connections need no arrays. */
  #items: (Message<In> | undefined)[] | undefined;
  #head = 0;
  #bytes = 0;
  /** The received chunk that the newest message is a view of, counted once for all messages in it. */
  #chunk: ArrayBufferLike | undefined;
  #costs: number[] | undefined;

  get length(): number {
    return this.#items === undefined ? 0 : this.#items.length - this.#head;
  }

  /** Bytes of memory that the waiting messages keep: whole chunks, since a view of one keeps all of it. */
  get bytes(): number {
    return this.#bytes;
  }

  push(message: Message<In>): void {
    const cost = this.#costOf(message.data);
    (this.#items ??= []).push(message);
    (this.#costs ??= []).push(cost);
    this.#bytes += cost;
  }

  #costOf(data: Buffer): number {
    // In V8's own heap: asking for its buffer would move it out of there, which costs 1 µs. A view of a received chunk
    // does not begin where that does.
    if (data.byteOffset === 0 && data.length <= MAX_HEAP_BYTES) return data.length;
    const chunk = data.buffer;
    const cost = chunk === this.#chunk ? 0 : chunk.byteLength;
    this.#chunk = chunk;
    return cost;
  }

  shift(): Message<In> | undefined {
    const items = this.#items;
    if (items === undefined) return undefined;
    const message = items[this.#head];
    items[this.#head] = undefined;
    this.#bytes -= this.#costs![this.#head]!; // one cost per item
    this.#head++;
    if (this.#head === items.length) this.clear();
    else if (this.#head === COMPACT_AT) this.#compact();
    return message;
  }

  /** A reader that never catches up must not leave a growing row of empty places behind. */
  #compact(): void {
    this.#items = this.#items?.slice(this.#head);
    this.#costs = this.#costs?.slice(this.#head);
    this.#head = 0;
  }

  clear(): void {
    this.#items = undefined;
    this.#costs = undefined;
    this.#head = 0;
    this.#bytes = 0;
    this.#chunk = undefined;
  }
}
