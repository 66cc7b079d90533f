/** Bytes received and not read yet; appending is amortized, so that megabytes in small pieces stay cheap. */
export class ByteStore {
  #storage: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  get unread(): Buffer {
    return this.#storage.subarray(this.#start, this.#end);
  }

  append(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#storage.length) {
      // A new storage, never a move within the old one: what `take` handed out stays as it was.
      const unread = this.unread;
      this.#storage = Buffer.allocUnsafeSlow(2 * (unread.length + chunk.length));
      this.#storage.set(unread);
      this.#start = 0;
      this.#end = unread.length;
    }
    this.#storage.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Takes `size` bytes, which must be there. */
  take(size: number): Buffer {
    if (size > this.#end - this.#start) {
      throw new RangeError(`size must be at most ${this.#end - this.#start}, got ${size}`);
    }
    this.#start += size;
    return this.#storage.subarray(this.#start - size, this.#start);
  }
}
