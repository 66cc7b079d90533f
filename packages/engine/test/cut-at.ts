/** Cuts bytes into pieces, for properties that hold for any split. */

/** Cuts `all` at the given places, each taken modulo the length. */
export function cutAt(all: Buffer, places: readonly number[]): Buffer[] {
  const points = [...new Set(places.map((place) => place % (all.length + 1)))].toSorted(
    (a, b) => a - b,
  );
  return [0, ...points].map((point, at) => all.subarray(point, points[at] ?? all.length));
}
