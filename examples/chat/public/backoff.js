/** How long to wait before the next attempt: exponential back-off with full jitter. */

const FIRST_CEILING = 400;
const LAST_CEILING = 10_000;

/**
 * Milliseconds to wait after `failures` failed attempts in a row. The whole range from zero to the ceiling is
 * used, so that the visitors of a restarted server come back spread out, not all at once.
 *
 * @param {number} failures
 * @param {() => number} [random]
 */
export function backoff(failures, random = Math.random) {
  const ceiling = Math.min(LAST_CEILING, FIRST_CEILING * 2 ** failures);
  return Math.round(random() * ceiling);
}
