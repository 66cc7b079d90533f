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
