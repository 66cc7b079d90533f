/** What a message writer collects for a fragment, in memory that may come from a pool. */

/**
 * Keeps the buffers of message writers between messages: gorilla's `BufferPool`. One pool serves one `writeBufferSize`;
 * `get` may give a buffer of another size, which is then left to the garbage collector.
 */
export interface BufferPool {
  /** A buffer that nobody uses, or undefined. */
  get(): Buffer | undefined;
  /** Takes back what {@link get} gave, or a new buffer: the pool may keep it or let it go. */
  put(buffer: Buffer): void;
}

export class WriteBuffer {
  readonly #size: number;
  readonly #pool: BufferPool | undefined;
  #buffer: Buffer | undefined;
  #length = 0;

  constructor(size: number, pool: BufferPool | undefined) {
    this.#size = size;
    this.#pool = pool;
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length === this.#size;
  }

  /** So many bytes are a fragment of their own: nothing is collected before them. */
  passes(bytes: number): boolean {
    return this.#length === 0 && bytes >= this.#size;
  }

  /** Copies as many bytes as fit and tells how many. */
  add(bytes: Uint8Array): number {
    this.#buffer ??= this.#acquire();
    const count = Math.min(bytes.length, this.#size - this.#length);
    this.#buffer.set(bytes.subarray(0, count), this.#length);
    this.#length += count;
    return count;
  }

  /** Takes out what was collected: a view, valid until the next {@link add}. */
  take(): Uint8Array {
    const taken = this.#buffer?.subarray(0, this.#length) ?? EMPTY;
    this.#length = 0;
    return taken;
  }

  /** The message is over: the memory goes back to the pool. */
  release(): void {
    if (this.#buffer !== undefined) this.#pool?.put(this.#buffer);
    this.#buffer = undefined;
    this.#length = 0;
  }

  #acquire(): Buffer {
    const pooled = this.#pool?.get();
    return pooled?.length === this.#size ? pooled : Buffer.allocUnsafeSlow(this.#size);
  }
}

const EMPTY = new Uint8Array(0);
