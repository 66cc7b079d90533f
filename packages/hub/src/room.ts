/** Room: connections that get the same messages. */

import { MessageType, PreparedMessage } from "@longwire/engine";
import type { Conn, PreparedPayload } from "@longwire/engine";

/** A string goes out as text, anything else as binary. */
export type BroadcastData = PreparedPayload;

/** Any connection: a room does not look at the types of its members' messages. */
export type Member = Pick<Conn, "hold" | "readyState" | "signal" | "writePreparedMessage">;

export interface BroadcastOptions {
  /** Members that do not get the message. */
  readonly except?: Member | Iterable<Member> | undefined;
}

/** What a room tells the hub that it belongs to. */
export interface RoomOwner {
  onOccupied(room: Room): void;
  onEmpty(): void;
  current(): Room | undefined;
}

/** What ends with a member's leave. */
interface Membership {
  /** Keeps the connection open past its handler. */
  readonly hold: Disposable;
  readonly onEnd: () => void;
}

export class Room {
  readonly name: string;
  readonly #owner: RoomOwner;
  readonly #members: Map<Member, Membership> = new Map();

  /** @internal Rooms come from {@link Hub.room}. */
  constructor(name: string, owner: RoomOwner) {
    this.name = name;
    this.#owner = owner;
  }

  /** Connections in the room. */
  get size(): number {
    return this.#here.#members.size;
  }

  has(conn: Member): boolean {
    return this.#here.#members.has(conn);
  }

  [Symbol.iterator](): IterableIterator<Conn> {
    return this.#here.#members.keys() as IterableIterator<Conn>; // given out as what they are
  }

  /**
   * Adds a connection, which leaves by itself when it ends. Membership keeps it open past its handler.
   * A second join, or that of a connection that has ended, changes nothing.
   */
  join(conn: Member): void {
    const room = this.#here;
    if (room.#members.has(conn) || conn.readyState !== 1) return;
    if (room.#members.size === 0) room.#owner.onOccupied(room);
    const onEnd = (): void => room.leave(conn);
    room.#members.set(conn, { hold: conn.hold({ drain: false }), onEnd });
    conn.signal.addEventListener("abort", onEnd);
  }

  /** Takes a connection out. One that is not in the room changes nothing. */
  leave(conn: Member): void {
    const room = this.#here;
    const membership = room.#members.get(conn);
    if (membership === undefined) return;
    conn.signal.removeEventListener("abort", membership.onEnd);
    room.#members.delete(conn);
    if (room.#members.size === 0) room.#owner.onEmpty();
    membership.hold[Symbol.dispose]();
  }

  /**
   * Sends a message to every member, serialized once. A member that is too slow loses its connection with 1013 when
   * more than its `maxBufferedAmount` waits for it; nobody else notices.
   *
   * @returns How many members it was sent to.
   */
  broadcast(data: BroadcastData, options: BroadcastOptions = {}): number {
    const type = typeof data === "string" ? MessageType.text : MessageType.binary;
    return this.broadcastPrepared(new PreparedMessage(type, data), options);
  }

  /** Sends `value` to every member as a text message of JSON. @returns As {@link broadcast}. */
  broadcastJSON(value: unknown, options: BroadcastOptions = {}): number {
    const text = JSON.stringify(value) as string | undefined; // typed as if undefined had a JSON form
    if (text === undefined)
      throw new TypeError(`broadcastJSON: JSON can't express a value of type ${typeof value}`);
    return this.broadcast(text, options);
  }

  /** Sends a message that has been prepared before. @returns As {@link broadcast}. */
  broadcastPrepared(message: PreparedMessage, options: BroadcastOptions = {}): number {
    const left = exceptions(options.except);
    let sent = 0;
    for (const conn of this.#here.#members.keys()) {
      if (left.has(conn)) continue;
      void conn.writePreparedMessage(message); // its failure is the end of that member, which leaves by itself
      sent++;
    }
    return sent;
  }

  /** The room of this name that is in use, or this one. */
  get #here(): Room {
    return this.#members.size > 0 ? this : (this.#owner.current() ?? this);
  }
}

function exceptions(except: BroadcastOptions["except"]): ReadonlySet<Member> {
  if (except === undefined) return NOBODY;
  return new Set(isConn(except) ? [except] : except);
}

const NOBODY: ReadonlySet<Member> = new Set();

// A Conn is async iterable, never iterable.
function isConn(except: Member | Iterable<Member>): except is Member {
  return !(Symbol.iterator in except);
}
