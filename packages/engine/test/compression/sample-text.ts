/** Messages that compress as real ones do, and the same ones in every run. */

const WORDS =
  "order user item price colour state update signal garden planet river 東京 ñandú".split(" ");

/** Random numbers that a seed determines: xorshift32. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** From 0 to below `end`. */
  below(end: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % end;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  word(): string {
    return WORDS[this.below(WORDS.length)] ?? "word";
  }

  /** JSON of at least `bytes` bytes and at most 100 more. */
  json(bytes: number): Buffer {
    let text = `{"id":${this.below(1e9)}`;
    while (text.length < bytes) {
      const value = this.chance(50) ? `"${this.word()} ${this.word()}"` : this.below(1e6);
      text += `,"${this.word()}${this.below(20)}":${value}`;
    }
    return Buffer.from(`${text}}`);
  }

  /** Bytes that do not compress. */
  noise(bytes: number): Buffer {
    return Buffer.from(Array.from({ length: bytes }, () => this.below(256)));
  }

  /** A message of any kind and size up to `most` bytes. */
  message(most: number): Buffer {
    const bytes = this.chance(10) ? this.below(most) : this.below(Math.min(most, 2000));
    if (this.chance(10)) return this.noise(bytes);
    if (this.chance(10)) return Buffer.alloc(bytes, this.below(256));
    return this.json(bytes).subarray(0, most);
  }
}
