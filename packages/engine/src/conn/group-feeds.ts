/** The groups that a connection is in, and what they have for it: in the order of the broadcasts, before direct writes. */

import type { BroadcastBatch } from "./broadcast-batch.ts";

/** What one group has for one connection. */
export interface GroupFeed {
  /** What was broadcast and has not gone out. */
  readonly batch: BroadcastBatch | undefined;
  /** Frames of the batch before this index are not for this connection, or it has them. */
  next: number;
}

export class GroupFeeds {
  readonly #send: (frames: Uint8Array) => void;
  #feeds: readonly GroupFeed[] = [];

  /** @param send - Queues frames for the connection, and copies them. */
  constructor(send: (frames: Uint8Array) => void) {
    this.#send = send;
  }

  get count(): number {
    return this.#feeds.length;
  }

  add(feed: GroupFeed): void {
    this.#feeds = [...this.#feeds, feed];
  }

  delete(feed: GroupFeed): void {
    this.#feeds = this.#feeds.filter((other) => other !== feed);
  }

  /** Queues what waits in all groups. */
  catchUp(): void {
    const frames: { readonly place: number; readonly frame: Buffer }[] = [];
    const waiting = this.#feeds.filter(({ batch, next }) => next < (batch?.count ?? 0));
    for (const feed of waiting) {
      const { batch, next } = feed;
      if (batch === undefined) continue;
      feed.next = batch.count; // first: what is queued may end the connection, which comes back here
      if (waiting.length === 1) {
        this.#send(batch.from(next));
        return;
      }
      for (let at = next; at < batch.count; at++)
        frames.push({ place: batch.placeOf(at), frame: batch.frame(at) });
    }
    frames.sort((one, other) => one.place - other.place);
    for (const { frame } of frames) this.#send(frame);
  }
}
