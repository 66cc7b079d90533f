/** What callers may give as a payload, and what the engine makes of it. */

import { MAX_COPIED_PAYLOAD_BYTES } from "../framing/frame-batch.ts";
import { MAX_CONTROL_PAYLOAD_BYTES } from "../framing/frame.ts";
import { copyIfRead } from "../framing/lent-memory.ts";
import { isValidUtf8 } from "../framing/utf8.ts";
import { MessageType } from "../messages/message.ts";
import type { DataType } from "../messages/message.ts";

/** A payload: text, or bytes of any kind. */
export type Payload = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/**
 * Gives the bytes of `data` without copying them; a string stays one.
 *
 * @throws TypeError for anything else, numbers included.
 */
export function toPayload(data: Exclude<Payload, string>): Uint8Array;
export function toPayload(data: Payload): string | Uint8Array;
export function toPayload(data: Payload): string | Uint8Array {
  if (typeof data === "string" || data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data))
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data);
  throw new TypeError(
    `payload must be a string, ArrayBuffer or view of one, got ${describe(data)}`,
  );
}

/** @throws TypeError when `type` is not text or binary, or a text is given as bytes that are not UTF-8 (§5.6). */
export function checkMessage(type: DataType, payload: string | Uint8Array): void {
  if (type !== MessageType.text && type !== MessageType.binary) {
    throw new TypeError(`message type must be 1 (text) or 2 (binary), got ${String(type)}`);
  }
  if (type === MessageType.text && typeof payload !== "string" && !isValidUtf8(payload)) {
    throw new TypeError(`text message of ${payload.length} bytes is not valid UTF-8`);
  }
}

/**
 * Gives the bytes of a control frame's payload.
 *
 * @throws RangeError above 125 bytes (§5.5).
 */
export function toControlPayload(data: Payload): Uint8Array {
  const payload = toPayload(data);
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  if (bytes.length > MAX_CONTROL_PAYLOAD_BYTES) {
    throw new RangeError(
      `control frame payload must be at most ${MAX_CONTROL_PAYLOAD_BYTES} bytes, got ${bytes.length}`,
    );
  }
  return bytes;
}

/** Size in bytes on the wire, header aside. */
export function payloadBytes(payload: string | Uint8Array): number {
  return typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
}

/** A payload above 16 KiB goes by reference: it must stay as it is until it is written. */
export function goesByReference(payload: string | Uint8Array): payload is Uint8Array {
  return typeof payload !== "string" && payload.length > MAX_COPIED_PAYLOAD_BYTES;
}

/**
 * A payload that may wait: short bytes are copied, so that the caller may use its buffer again, and long ones where the
 * next read will write.
 */
export function copyToWait(payload: string | Uint8Array): string | Uint8Array {
  if (typeof payload === "string") return payload;
  return goesByReference(payload) ? copyIfRead(payload) : Uint8Array.from(payload);
}

function describe(value: unknown): string {
  return value === null ? "null" : typeof value;
}
