/** Frame serializer: headers into memory that the caller has (RFC 6455 §5.2). */

import { FIN_BIT, MASK_BIT, RSV1_BIT } from "./frame.ts";

/** Size in bytes of the header in front of `length` bytes of payload. */
export function headerSize(length: number, masked: boolean): number {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (masked ? 4 : 0);
}

/**
 * Writes a frame header at `target[at]` and returns the index behind it.
 *
 * @param first - First header byte: FIN, RSV1 and opcode; see {@link firstByte}.
 * @param length - Payload length in bytes, below 2^53.
 * @param maskingKey - Big-endian 32-bit number; `undefined` for an unmasked frame.
 */
export function writeHeader(
  target: Uint8Array,
  at: number,
  first: number,
  length: number,
  maskingKey: number | undefined,
): number {
  const maskBit = maskingKey === undefined ? 0 : MASK_BIT;
  target[at] = first;
  let next = at + 2;
  if (length < 126) {
    target[at + 1] = maskBit | length;
  } else if (length < 65_536) {
    target[at + 1] = maskBit | 126;
    target[at + 2] = length >>> 8;
    target[at + 3] = length;
    next = at + 4;
  } else {
    target[at + 1] = maskBit | 127;
    writeUint32(target, at + 2, Math.floor(length / 0x1_0000_0000));
    writeUint32(target, at + 6, length);
    next = at + 10;
  }
  if (maskingKey !== undefined) {
    writeUint32(target, next, maskingKey);
    next += 4;
  }
  return next;
}

/** First header byte of a frame. */
export function firstByte(fin: boolean, rsv1: boolean, opcode: number): number {
  return (fin ? FIN_BIT : 0) | (rsv1 ? RSV1_BIT : 0) | opcode;
}

function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}
