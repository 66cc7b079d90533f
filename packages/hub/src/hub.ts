/** Hub: the rooms of one process, by name. */

import { Room } from "./room.ts";

export interface HubOptions {
  /**
   * Longest room name, in UTF-16 units: names often come from peers, and each one that is in use takes memory.
   * @default 256
   */
  readonly maxNameLength?: number | undefined;
}

const DEFAULT_MAX_NAME_LENGTH = 256;

export class Hub {
  readonly #rooms: Map<string, Room> = new Map();
  readonly #maxNameLength: number;

  /** @throws RangeError naming the option and its value. */
  constructor(options: HubOptions = {}) {
    const { maxNameLength = DEFAULT_MAX_NAME_LENGTH } = options;
    if (!Number.isSafeInteger(maxNameLength) || maxNameLength < 1) {
      throw new RangeError(`maxNameLength must be a positive whole number, got ${maxNameLength}`);
    }
    this.#maxNameLength = maxNameLength;
  }

  /**
   * Gives the room of this name. The hub keeps it while somebody is in it.
   *
   * @throws TypeError when the name is not a string; RangeError when it is too long.
   */
  room(name: string): Room {
    if (typeof name !== "string")
      throw new TypeError(`room name must be a string, got ${typeof name}`);
    if (name.length > this.#maxNameLength) {
      throw new RangeError(
        `room name must have at most ${this.#maxNameLength} characters, got ${name.length}`,
      );
    }
    return this.#rooms.get(name) ?? this.#create(name);
  }

  /** The rooms that have members. */
  rooms(): IterableIterator<Room> {
    return this.#rooms.values();
  }

  #create(name: string): Room {
    const room = new Room(name, {
      onOccupied: (occupied) => this.#rooms.set(name, occupied),
      onEmpty: () => this.#rooms.delete(name),
      // Somebody may have kept an empty room while another one of this name came into use.
      current: () => this.#rooms.get(name),
    });
    return room;
  }
}
