/** Frames that wait for one write: small ones copied one behind the other, large payloads by reference. */

import { headerSize, writeHeader } from "./frame-serializer.ts";
import { MAX_HEADER_BYTES } from "./frame.ts";
import type { Role } from "./frame.ts";
import { applyMask, createMaskingKeySource } from "./masking.ts";
import type { MaskingKeySource } from "./masking.ts";

/** Payloads above this go by reference: from here on a second buffer in the write costs less than the copy. */
export const MAX_COPIED_PAYLOAD_BYTES = 16_384;

// One scratch buffer serves every connection of the process, one batch at a time: a batch lives from the first
// frame of a wake-up to the write behind it, and the kernel has nearly always taken it all when the write returns.
const SCRATCH_BYTES = 32_768;
// A batch that finds the scratch in use begins with this much of its own.
const OWN_BYTES = 1024;

let scratch: Buffer | undefined;
let scratchIsLent = false;
// Views of its beginning by their length, for the next write of that length: 5 ns instead of 44.
const MAX_KEPT_VIEW_BYTES = 512;
let scratchViews: (Buffer | undefined)[] = [];

// Batches of either side that nobody has: a connection has one while frames of it wait, which saves the others 88 bytes.
// As many as write in one wake-up; more are left to the collector.
const MAX_SPARES = 64;
const spares: Readonly<Record<Role, FrameBatch[]>> = { server: [], client: [] };
// One source serves all clients of the process.
let maskingKeys: MaskingKeySource | undefined;

/** Lends an empty batch. {@link giveBatch} must follow once it is empty again. */
export function takeBatch(role: Role): FrameBatch {
  const spare = spares[role].pop();
  if (spare !== undefined) return spare;
  return new FrameBatch(role === "client" ? (maskingKeys ??= createMaskingKeySource()) : undefined);
}

export function giveBatch(role: Role, batch: FrameBatch): void {
  if (spares[role].length < MAX_SPARES) spares[role].push(batch);
}

export class FrameBatch {
  readonly #maskingKeys: MaskingKeySource | undefined;
  #pieces: Uint8Array[] | undefined;
  #target: Buffer | undefined;
  /** The batch writes into the process's scratch buffer, or holds pieces of it. */
  #borrowed = false;
  /** Frames that are not yet a piece lie at `#target[#start, #at)`. */
  #start = 0;
  #at = 0;
  #byteLength = 0;

  /** @param maskingKeys - A client's source of keys; `undefined` on a server, which must not mask (§5.1). */
  constructor(maskingKeys: MaskingKeySource | undefined) {
    this.#maskingKeys = maskingKeys;
  }

  /** Bytes of all frames that wait. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * Adds a frame. A payload of at most 16 KiB is copied; a longer one must stay as it is until it is written
   * (a client masks a copy).
   *
   * @param first - First header byte, see `firstByte`.
   */
  append(first: number, payload: Uint8Array | string): void {
    if (typeof payload === "string") this.#appendText(first, payload);
    else if (payload.length <= MAX_COPIED_PAYLOAD_BYTES) this.#appendCopy(first, payload);
    else this.#appendReference(first, payload);
  }

  /** Adds whole frames that many connections share, by reference however short they are. */
  appendShared(frames: Uint8Array): void {
    this.#byteLength += frames.length;
    this.#cut();
    this.#addPiece(frames);
  }

  /** Adds a copy of whole frames. */
  appendFrames(frames: Uint8Array): void {
    const target = this.#reserve(frames.length);
    target.set(frames, this.#at);
    this.#at += frames.length;
    this.#byteLength += frames.length;
  }

  /**
   * Takes everything out, in order. {@link settle} must follow once the pieces have been handed on; what is added
   * before that stays for the next time.
   */
  take(): Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces ?? [];
    this.#pieces = undefined;
    this.#target = undefined;
    this.#byteLength = 0;
    return pieces;
  }

  /** @param written - Nobody will read the pieces that {@link take} gave any more. */
  settle(written: boolean): void {
    if (this.#borrowed) {
      if (!written) dropScratch(); // whoever comes next makes a new one
      scratchIsLent = false;
      this.#borrowed = false;
    }
  }

  /** Drops everything. */
  clear(): void {
    this.take();
    this.settle(true);
  }

  #appendText(first: number, text: string): void {
    const most = text.length * 3;
    if (most < 126) {
      // Short enough for a 2-byte header in any case, so the length need not be known before.
      const header = headerSize(0, this.#maskingKeys !== undefined);
      const target = this.#reserve(header + most);
      const payload = this.#at + header;
      this.#finish(first, target, payload, payload + target.write(text, payload, most));
      return;
    }
    const length = Buffer.byteLength(text);
    if (length > MAX_COPIED_PAYLOAD_BYTES) {
      this.#appendReference(first, Buffer.from(text));
      return;
    }
    const header = headerSize(length, this.#maskingKeys !== undefined);
    const target = this.#reserve(header + length);
    const payload = this.#at + header;
    target.write(text, payload, length);
    this.#finish(first, target, payload, payload + length);
  }

  #appendCopy(first: number, payload: Uint8Array): void {
    const header = headerSize(payload.length, this.#maskingKeys !== undefined);
    const target = this.#reserve(header + payload.length);
    const start = this.#at + header;
    target.set(payload, start);
    this.#finish(first, target, start, start + payload.length);
  }

  /** Writes the header in front of `target[payload, end)` and masks that in place. */
  #finish(first: number, target: Buffer, payload: number, end: number): void {
    const key = this.#maskingKeys?.();
    writeHeader(target, this.#at, first, end - payload, key);
    if (key !== undefined) applyMask(target, payload, end, key, 0);
    this.#byteLength += end - this.#at;
    this.#at = end;
  }

  #appendReference(first: number, payload: Uint8Array): void {
    const key = this.#maskingKeys?.();
    const target = this.#reserve(MAX_HEADER_BYTES);
    const headerEnd = writeHeader(target, this.#at, first, payload.length, key);
    this.#byteLength += headerEnd - this.#at + payload.length;
    this.#at = headerEnd;
    this.#cut();
    if (key === undefined) {
      this.#addPiece(payload);
      return;
    }
    const masked = Buffer.from(payload); // never mask in the caller's memory
    applyMask(masked, 0, masked.length, key, 0);
    this.#addPiece(masked);
  }

  /** Most writes are one piece: a literal has room for one, where pushing into an empty array makes room for 17. */
  #addPiece(piece: Uint8Array): void {
    if (this.#pieces === undefined) this.#pieces = [piece];
    else this.#pieces.push(piece);
  }

  /** Turns the frames in `#target` into a piece. */
  #cut(): void {
    if (this.#target !== undefined && this.#at > this.#start) {
      this.#addPiece(viewOf(this.#target, this.#start, this.#at));
      this.#start = this.#at;
    }
  }

  #reserve(bytes: number): Buffer {
    const target = this.#target;
    if (target !== undefined && target.length - this.#at >= bytes) return target;
    this.#cut();
    this.#start = 0;
    this.#at = 0;
    if (target === undefined && !scratchIsLent) {
      scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
      scratchIsLent = true;
      this.#borrowed = true;
      return (this.#target = scratch);
    }
    const size = Math.min(Math.max(OWN_BYTES, (target?.length ?? 0) * 2), SCRATCH_BYTES);
    return (this.#target = Buffer.allocUnsafeSlow(Math.max(bytes, size)));
  }
}

function dropScratch(): void {
  scratch = undefined;
  scratchViews = [];
}

function viewOf(target: Buffer, start: number, end: number): Buffer {
  if (target !== scratch || start > 0 || end > MAX_KEPT_VIEW_BYTES)
    return target.subarray(start, end);
  return (scratchViews[end] ??= target.subarray(0, end));
}
