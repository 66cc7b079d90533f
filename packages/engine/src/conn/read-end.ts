/** How reading has ended. */

export class ReadEnd {
  /** Iterators and `forEach` end without an error. */
  readonly quiet: boolean;
  #error: Error | (() => Error);

  /** @param error - As a function where nobody may ask for it: a stack costs 8 µs, and most connections end quietly. */
  constructor(quiet: boolean, error: Error | (() => Error)) {
    this.quiet = quiet;
    this.#error = error;
  }

  /** What reads get from now on; always the same. */
  get error(): Error {
    if (typeof this.#error === "function") this.#error = this.#error();
    return this.#error;
  }
}
