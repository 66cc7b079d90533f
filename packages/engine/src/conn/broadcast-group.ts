/**
 * Connections that get the same messages. What is broadcast in one turn of the event loop is one buffer, which each
 * member gets in one write behind that turn. When it brought several messages, the batch stays open for the next turn,
 * and for further ones while each brings more, until 0.25 ms have passed at the end of one.
 *
 *     broadcast ─► batch ─setImmediate─► one write a member
 *                   └─ as a copy, at once: to a member that is written to directly, left out, or leaves
 */

import { MAX_COPIED_PAYLOAD_BYTES } from "../framing/frame-batch.ts";
import { MessageType } from "../messages/message.ts";
import type { DataType } from "../messages/message.ts";
import { PreparedMessage } from "../messages/prepared-message.ts";
import type { PreparedPayload } from "../messages/prepared-message.ts";
import { BroadcastBatch } from "./broadcast-batch.ts";
import { connInside } from "./conn.ts";
import type { Conn } from "./conn.ts";
import type { GroupFeed } from "./group-feeds.ts";
import { checkMessage, payloadBytes, toPayload } from "./payload.ts";
import type { WriteQueue } from "./write-queue.ts";

// A batch of this size goes out at once: no more than that is kept for a slow member without counting for it.
const MAX_BATCH_BYTES = 65_536;

// With 32 members who all send, a delivery takes 0.33 instead of 0.39 µs with it (Node 24); more time changes little.
const MAX_GATHERING_MS = 0.25;

interface Membership {
  readonly stopWatching: () => void;
  /** Its place in the batches, unless its frames are its own: compressed, or masked. */
  readonly feed: Feed | undefined;
}

/** What was broadcast and has not gone out. */
interface Gathering {
  batch: BroadcastBatch | undefined;
}

class Feed implements GroupFeed {
  readonly writing: WriteQueue;
  readonly #gathering: Gathering;
  next: number;

  constructor(writing: WriteQueue, gathering: Gathering) {
    this.writing = writing;
    this.#gathering = gathering;
    this.next = gathering.batch?.count ?? 0;
    writing.feeds.add(this);
  }

  get batch(): BroadcastBatch | undefined {
    return this.#gathering.batch;
  }
}

export class BroadcastGroup implements Iterable<Conn> {
  readonly #onEnded: (conn: Conn) => void;
  readonly #members: Map<Conn, Membership> = new Map();
  readonly #feeds: Set<Feed> = new Set();
  readonly #unshared: Set<Conn> = new Set();
  readonly #gathering: Gathering = { batch: undefined };

  /** @param onEnded - Told of a member that has left because its connection has ended. */
  constructor(onEnded: (conn: Conn) => void = () => {}) {
    this.#onEnded = onEnded;
  }

  get size(): number {
    return this.#members.size;
  }

  has(conn: Conn): boolean {
    return this.#members.has(conn);
  }

  [Symbol.iterator](): IterableIterator<Conn> {
    return this.#members.keys();
  }

  /**
   * Adds a connection, which gets what is broadcast from now on and leaves by itself when it ends.
   *
   * @returns false when it is in already, or has begun to close.
   */
  add(conn: Conn): boolean {
    if (this.#members.has(conn) || conn.readyState !== 1) return false;
    const { writing, ending } = connInside(conn);
    const stopWatching = ending.whenEnded(() => {
      if (this.delete(conn)) this.#onEnded(conn);
    });
    const feed = writing.sharesFrames ? new Feed(writing, this.#gathering) : undefined;
    this.#members.set(conn, { stopWatching, feed });
    if (feed === undefined) this.#unshared.add(conn);
    else this.#feeds.add(feed);
    return true;
  }

  /** Takes a connection out, which still gets what was broadcast before. @returns false when it was not in. */
  delete(conn: Conn): boolean {
    const member = this.#members.get(conn);
    if (member === undefined) return false;
    this.#members.delete(conn);
    this.#unshared.delete(conn);
    member.stopWatching();
    const { feed } = member;
    if (feed === undefined) return true;
    this.#feeds.delete(feed);
    feed.writing.feeds.catchUp();
    feed.writing.feeds.delete(feed);
    return true;
  }

  /**
   * Sends a message, serialized once, to every member but those of `except`, in order with everything else that a
   * member is sent. One that is too slow ends with 1013 when more than its `maxBufferedAmount` waits for it.
   *
   * @returns How many members it was sent to.
   * @throws TypeError for another type or kind of payload, or a text of bytes that are not UTF-8.
   */
  broadcast(type: DataType, data: PreparedPayload, except: ReadonlySet<Conn> = NOBODY): number {
    const payload = toPayload(data);
    checkMessage(type, payload);
    if (payloadBytes(payload) > MAX_COPIED_PAYLOAD_BYTES)
      return sendEach(this.#members.keys(), new PreparedMessage(type, data), except);
    const shared = this.#append(type, payload, except);
    if (this.#unshared.size === 0) return shared;
    return shared + sendEach(this.#unshared, new PreparedMessage(type, data), except);
  }

  /** Sends a message that has been prepared before, of any type. @returns As {@link broadcast}. */
  broadcastPrepared(message: PreparedMessage, except: ReadonlySet<Conn> = NOBODY): number {
    const { type, payload } = message;
    const isData = type === MessageType.text || type === MessageType.binary;
    if (!isData || payload.length > MAX_COPIED_PAYLOAD_BYTES)
      return sendEach(this.#members.keys(), message, except);
    return this.#append(type, payload, except) + sendEach(this.#unshared, message, except);
  }

  #append(type: DataType, payload: string | Uint8Array, except: ReadonlySet<Conn>): number {
    const left: Feed[] = [];
    for (const conn of except) {
      const feed = this.#members.get(conn)?.feed;
      if (feed === undefined) continue;
      feed.writing.feeds.catchUp();
      left.push(feed);
    }
    if (this.#feeds.size <= left.length) return 0;
    if (this.#gathering.batch === undefined) {
      this.#gathering.batch = new BroadcastBatch();
      const until = performance.now() + MAX_GATHERING_MS;
      setImmediate(this.#onTurnOver, this.#gathering.batch, 1, until);
    }
    const batch = this.#gathering.batch;
    batch.append(type, payload);
    for (const feed of left) feed.next = batch.count;
    const sent = this.#feeds.size - left.length;
    if (batch.byteLength >= MAX_BATCH_BYTES) this.#flush(batch);
    return sent;
  }

  /**
   * @param seen - Messages of the batch at the last look. The one that opened it is no sign of more.
   * @param until - When it goes out at the latest, on the clock of `performance.now`.
   */
  readonly #onTurnOver = (batch: BroadcastBatch, seen: number, until: number): void => {
    if (batch !== this.#gathering.batch) return; // it was full, and has gone
    if (batch.count > seen && performance.now() < until)
      setImmediate(this.#onTurnOver, batch, batch.count, until);
    else this.#flush(batch);
  };

  /** Gives the batch that is gathering to everybody. */
  #flush(batch: BroadcastBatch): void {
    let taken = true;
    let count: number;
    // Somebody who hears of a member's end may broadcast in here: one more round, or all of it in a flush of its own.
    do {
      count = batch.count;
      for (const feed of this.#feeds) {
        if (!sendTo(feed, batch)) taken = false;
        if (this.#gathering.batch !== batch) return;
      }
    } while (batch.count > count);
    this.#gathering.batch = undefined;
    for (const feed of this.#feeds) feed.next = 0;
    if (taken) batch.release();
  }
}

/** @returns How many members it was sent to. */
function sendEach(
  members: Iterable<Conn>,
  message: PreparedMessage,
  except: ReadonlySet<Conn>,
): number {
  let sent = 0;
  for (const conn of members) {
    if (except.has(conn)) continue;
    void conn.writePreparedMessage(message); // its failure is the end of that member, which leaves by itself
    sent++;
  }
  return sent;
}

/** @returns false when the bytes of the batch are still in use. */
function sendTo(feed: Feed, batch: BroadcastBatch): boolean {
  const { next, writing } = feed;
  if (next === batch.count) return true;
  if (writing.feeds.count > 1) {
    writing.feeds.catchUp();
    return true;
  }
  feed.next = batch.count;
  return writing.share(batch.from(next));
}

const NOBODY: ReadonlySet<Conn> = new Set();
