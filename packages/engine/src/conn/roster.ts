/**
 * Things that come and go: an array in which each knows its place.
 *
 * Not a Set, because V8 makes a new table of one every few additions and removals, and each old table points to the next.
 * Once an old table has reached the old generation, all that came later outlives its scavenges: on Node 24 a third of
 * what the handshakes of an Express app allocate, which halved their rate.
 */

/** The place of one thing in its roster. */
export class Place<T> {
  readonly item: T;
  /** @internal */
  at: number;

  constructor(item: T, at: number) {
    this.item = item;
    this.at = at;
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
    const place = new Place(item, this.#places.length);
    this.#places.push(place);
    return place;
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
