/** The last bytes of one direction's messages: what context takeover keeps (RFC 7692 §7.1.1). */

const MIN_BYTES = 256;

export class SlidingWindow {
  readonly #maxBytes: number;
  #bytes: Buffer | undefined;
  #length = 0;

  /** @param maxBytes - The window's size; memory grows up to it with the messages. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What the codec takes as its dictionary; valid until the next {@link append}. */
  get dictionary(): Buffer | undefined {
    return this.#length === 0 ? undefined : this.#bytes?.subarray(0, this.#length);
  }

  /** Adds the plaintext of a message, copied. */
  append(message: Uint8Array): void {
    const kept =
      message.length > this.#maxBytes ? message.subarray(message.length - this.#maxBytes) : message;
    if (kept.length === 0) return;
    const drop = Math.max(0, this.#length + kept.length - this.#maxBytes);
    const bytes = this.#grow(this.#length - drop + kept.length);
    if (drop > 0) bytes.copyWithin(0, drop, this.#length);
    bytes.set(kept, this.#length - drop);
    this.#length += kept.length - drop;
  }

  #grow(length: number): Buffer {
    const old = this.#bytes;
    if (old !== undefined && old.length >= length) return old;
    const size = Math.min(this.#maxBytes, Math.max(MIN_BYTES, (old?.length ?? 0) * 2, length));
    const bytes = Buffer.allocUnsafeSlow(size);
    if (old !== undefined) old.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
    return bytes;
  }
}
