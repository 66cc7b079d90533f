/** What the tests of parsers for a peer's text share: any text, and how long one call takes. */
import fc from "fast-check";

/** Header text as node hands it over, one character per byte, and a little beyond. */
export const anyText: fc.Arbitrary<string> = fc.string({
  unit: fc.integer({ min: 0, max: 0x1ff }).map((code) => String.fromCharCode(code)),
});

/** The time of a call in ms, as the best of many runs: neither the compiler's warm-up nor a busy machine counts. */
export function fastest(run: () => unknown): number {
  let best = Infinity;
  for (let round = 0; round < 20; round++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** What 16 KiB of a peer's text must stay far below, however slow the machine: quadratic time would be above. */
export const QUADRATIC_MS = 60;
