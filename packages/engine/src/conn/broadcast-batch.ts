/** Frames that are broadcast together, one behind the other in one buffer. */

import { firstByte, headerSize, writeHeader } from "../framing/frame-serializer.ts";
import type { DataType } from "../messages/message.ts";
import { payloadBytes } from "./payload.ts";

const FIRST_BYTES = 4096;

// Frames of all groups in the order of their broadcasts: a connection in several groups gets them in that order.
let broadcasts = 0;

// The buffer of the last batch that the kernel has taken whole, for the next one.
let spare: Buffer | undefined;

export class BroadcastBatch {
  #bytes: Buffer;
  #byteLength = 0;
  #view: Buffer | undefined;
  #viewFrom = 0;
  /** Index behind each frame. */
  readonly #ends: number[] = [];
  /** Place of each frame in the order of all broadcasts. */
  readonly #places: number[] = [];

  constructor() {
    this.#bytes = spare ?? Buffer.allocUnsafeSlow(FIRST_BYTES);
    spare = undefined;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** Number of frames. */
  get count(): number {
    return this.#ends.length;
  }

  /** Adds a data message of one frame. */
  append(type: DataType, payload: string | Uint8Array): void {
    const length = payloadBytes(payload);
    const header = headerSize(length, false);
    const end = this.#byteLength + header + length;
    this.#reserve(end);
    const at = writeHeader(
      this.#bytes,
      this.#byteLength,
      firstByte(true, false, type),
      length,
      undefined,
    );
    if (typeof payload === "string") this.#bytes.write(payload, at);
    else this.#bytes.set(payload, at);
    this.#byteLength = end;
    this.#view = undefined;
    this.#ends.push(end);
    this.#places.push(++broadcasts);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#byteLength); // a new buffer: views of this one may be on their way
    this.#bytes = grown;
  }

  /** The frames from `index` on: a view, the same for the members that ask one behind the other. */
  from(index: number): Buffer {
    if (this.#view === undefined || index !== this.#viewFrom) {
      this.#view = this.#bytes.subarray(this.#startOf(index), this.#byteLength);
      this.#viewFrom = index;
    }
    return this.#view;
  }

  /** One frame: a view. */
  frame(index: number): Buffer {
    return this.#bytes.subarray(this.#startOf(index), this.#ends[index]);
  }

  placeOf(index: number): number {
    return this.#places[index] ?? 0;
  }

  /** Nobody will look at its bytes any more. */
  release(): void {
    spare = this.#bytes;
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] ?? this.#byteLength);
  }
}
