/**
 * Things that come and go: an array in which each knows its place.
 *
 * Not a Set, because V8 makes a new table of one every few additions and removals, and each old table points to the next.
 * Once an old table has reached the old generation, all that came later outlives its scavenges: on Node 24 a third of
 * what the handshakes of an Express app allocate, which halved their rate.
 */

/** The place of one thing in its roster. A class of its own may be one too, which saves a connection 40 bytes. */
export class Place<T> {
  readonly item: T;
  /** @internal */
  at: number;

  /** @internal Takes it; {@link Roster.add} does for others. */
  constructor(item: T, roster: Roster<T>) {
    this.item = item;
    this.at = roster.take(this);
  }
}

export class Roster<T> implements Iterable<T> {
  readonly #places: Place<T>[] = [];

  get size(): number {
    return this.#places.length;
  }

  /** Those that are in at this moment. */
  [Symbol.iterator](): Iterator<T> {
    return this.#places.map(({ item }) => item).values();
  }

  /** Takes `item` in once more. */
  add(item: T): Place<T> {
    return new Place(item, this);
  }

  /** @internal Gives a place its number. */
  take(place: Place<T>): number {
    return this.#places.push(place) - 1;
  }

  /** Takes out what stands at `place`; a second time does nothing. The last one moves there. */
  remove(place: Place<T>): void {
    if (this.#places[place.at] !== place) return;
    const last = this.#places.pop();
    if (last === undefined || last === place) return;
    this.#places[place.at] = last;
    last.at = place.at;
  }
}
