/** Two ends of a stream in memory that behave like a TCP connection: FIN, backpressure, reset. */

import { Duplex } from "node:stream";

class MemoryEnd extends Duplex {
  #other: MemoryEnd | undefined;
  /** The write that waits until the other end has room again. */
  #onRoom: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: false });
  }

  join(other: MemoryEnd): void {
    this.#other = other;
  }

  override _read(): void {
    this.#other?.resumeWriting();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const other = this.#other;
    if (other === undefined || other.destroyed) done();
    // A copy: a kernel would have made one, and the writer may reuse its bytes.
    else if (other.push(Buffer.from(chunk))) process.nextTick(done);
    else this.#onRoom = done;
  }

  override _final(done: () => void): void {
    this.#other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const other = this.#other;
    this.#other = undefined;
    if (other !== undefined && !other.destroyed) {
      other.resumeWriting();
      if (error !== null) other.destroy(new Error("read ECONNRESET"));
      else if (!other.readableEnded) other.push(null);
    }
    done(error);
  }

  resumeWriting(): void {
    const resume = this.#onRoom;
    this.#onRoom = undefined;
    resume?.();
  }
}

/** Makes the pair; what is written to one is read from the other. Node 20 has no `stream.duplexPair`. */
export function memoryPair(): [Duplex, Duplex] {
  const left = new MemoryEnd();
  const right = new MemoryEnd();
  left.join(right);
  right.join(left);
  return [left, right];
}
