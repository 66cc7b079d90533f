/**
 * The server's clock as seen from this page.
 *
 * Two machines never agree on the time, so a stamp made by the server means nothing here until both clocks have
 * been compared. The page sends its own time, the server answers with its time, and the answer arrives after one
 * round trip: the server looked at its clock somewhere in between. Taking the middle is wrong by at most half the
 * round trip, so the fastest exchange gives the tightest comparison.
 */

const KEPT_EXCHANGES = 8; // older ones are forgotten: clocks drift apart by some ms an hour

export class ServerClock {
  /** @type {{ offset: number, error: number }[]} */
  #exchanges = [];

  /**
   * Takes one exchange: all three values in milliseconds, the first and last on this page's clock.
   *
   * @param {number} sent
   * @param {number} serverTime
   * @param {number} received
   */
  compare(sent, serverTime, received) {
    this.#exchanges.push({
      offset: serverTime - (sent + received) / 2,
      error: (received - sent) / 2,
    });
    if (this.#exchanges.length > KEPT_EXCHANGES) this.#exchanges.shift();
  }

  /**
   * Milliseconds from a server stamp to a moment on this page's clock, and how far off that can be;
   * undefined before the first exchange.
   *
   * @param {number} serverTime
   * @param {number} now
   * @returns {{ elapsed: number, error: number } | undefined}
   */
  since(serverTime, now) {
    const best = this.#best();
    if (best === undefined) return undefined;
    return { elapsed: Math.max(0, now + best.offset - serverTime), error: best.error };
  }

  /** How far off `since` can be, in milliseconds; undefined before the first exchange. */
  get error() {
    return this.#best()?.error;
  }

  #best() {
    return this.#exchanges.toSorted((a, b) => a.error - b.error)[0];
  }
}

/**
 * A measured time in words that claim no more than was measured.
 *
 * @param {{ elapsed: number, error: number }} measured
 */
export function inWords({ elapsed, error }) {
  const rough = error > 1 && error > elapsed / 2;
  if (elapsed < 1 && !rough) return "under 1 ms";
  return `${rough ? "about " : ""}${Math.max(1, Math.round(elapsed))} ms`;
}
