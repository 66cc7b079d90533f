/** Room: connections that get the same messages. */

import { BroadcastGroup, Message, MessageType } from "@longwire/engine";
import type { Conn, PreparedMessage, PreparedPayload } from "@longwire/engine";

/** A string goes out as text, bytes as binary, and a message that has been received as it came. */
export type BroadcastData = PreparedPayload | Message;

/** Any connection: a room does not look at the types of its members' messages. */
export type Member = Conn<never, never> | Conn;

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

export class Room {
  readonly name: string;
  readonly #owner: RoomOwner;
  /** Keeps each member's connection open past its handler. */
  readonly #holds: Map<Conn, Disposable> = new Map();
  readonly #group: BroadcastGroup = new BroadcastGroup((conn) => this.#release(conn));

  /** @internal Rooms come from {@link Hub.room}. */
  constructor(name: string, owner: RoomOwner) {
    this.name = name;
    this.#owner = owner;
  }

  /** Connections in the room. */
  get size(): number {
    return this.#here().#group.size;
  }

  has(conn: Member): boolean {
    return this.#here().#group.has(conn);
  }

  [Symbol.iterator](): IterableIterator<Conn> {
    return this.#here().#group[Symbol.iterator]();
  }

  /**
   * Adds a connection, which leaves by itself when it ends. Membership keeps it open past its handler.
   * A second join, or that of a connection that has ended, changes nothing.
   */
  join(conn: Member): void {
    const room = this.#here();
    if (!room.#group.add(conn)) return;
    if (room.#group.size === 1) room.#owner.onOccupied(room);
    room.#holds.set(conn, conn.hold({ drain: false }));
  }

  /** Takes a connection out; it still gets what was broadcast before. One that is not in the room changes nothing. */
  leave(conn: Member): void {
    const room = this.#here();
    if (room.#group.delete(conn)) room.#release(conn);
  }

  #release(conn: Conn): void {
    const hold = this.#holds.get(conn);
    this.#holds.delete(conn);
    if (this.#group.size === 0) this.#owner.onEmpty();
    hold?.[Symbol.dispose]();
  }

  /**
   * Sends a message to every member, serialized once. What is broadcast in one turn of the event loop goes out behind
   * it in one write a member, in order with what each is sent otherwise. Several messages of one turn wait for those of
   * the next, and of further ones while each brings more, until 0.25 ms have passed at the end of one. A member that is
   * too slow loses its connection with 1013 when more than its `maxBufferedAmount` waits for it; nobody else notices.
   *
   * @returns How many members it was sent to.
   */
  broadcast(data: BroadcastData, options: BroadcastOptions = {}): number {
    const group = this.#here().#group;
    const except = exceptions(options.except);
    if (data instanceof Message) return group.broadcast(data.type, data.data, except);
    const type = typeof data === "string" ? MessageType.text : MessageType.binary;
    return group.broadcast(type, data, except);
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
    return this.#here().#group.broadcastPrepared(message, exceptions(options.except));
  }

  /** The room of this name that is in use, or this one. */
  #here(): Room {
    return this.#group.size > 0 ? this : (this.#owner.current() ?? this);
  }
}

function exceptions(except: BroadcastOptions["except"]): ReadonlySet<Conn> {
  if (except === undefined) return NOBODY;
  return new Set(isConn(except) ? [except] : except);
}

const NOBODY: ReadonlySet<Conn> = new Set();

// A Conn is async iterable, never iterable.
function isConn(except: Member | Iterable<Member>): except is Member {
  return !(Symbol.iterator in except);
}
