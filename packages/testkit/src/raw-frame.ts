/**
 * Frames built and read for tests, RFC 6455 §5.2, written without the engine:
 * a parser cannot be its own oracle, and a hostile peer must be able to break every rule.
 */

/** One frame as it came over the wire, unmasked. */
export interface RawFrame {
  readonly fin: boolean;
  /** RSV1, RSV2, RSV3 as the bits 4, 2, 1. */
  readonly rsv: number;
  readonly opcode: number;
  readonly masked: boolean;
  readonly payload: Buffer;
}

/** A frame to build. Only `opcode` must be given: the rest makes a valid client frame. */
export interface RawFrameInit {
  readonly opcode: number;
  /** A string is sent as UTF-8. @default empty */
  readonly payload?: string | Uint8Array;
  /** @default true */
  readonly fin?: boolean;
  /** RSV1, RSV2, RSV3 as the bits 4, 2, 1. @default 0 */
  readonly rsv?: number;
  /** Masking key of 4 bytes; `false` leaves the payload bare. @default 37 fa 21 3d */
  readonly mask?: Uint8Array | false;
  /** Bytes of the extended length: 0, 2 or 8. @default the fewest that can hold the length */
  readonly lengthBytes?: 0 | 2 | 8;
  /** Length written in the header. @default the payload's own */
  readonly declaredLength?: number | bigint;
}

const DEFAULT_MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d); // the key of the RFC's examples, §5.7

function fewestLengthBytes(length: bigint): 0 | 2 | 8 {
  if (length < 126n) return 0;
  return length < 65_536n ? 2 : 8;
}

/** XORs `bytes` in place with the key (§5.3). */
function applyMask(bytes: Buffer, mask: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) bytes[at]! ^= mask[at % 4]!; // both within bounds
}

/** Builds the bytes of one frame, by default masked as a client must. */
export function rawFrame(init: RawFrameInit): Buffer {
  const payload = Buffer.from(init.payload ?? "");
  const length = BigInt(init.declaredLength ?? payload.length);
  const lengthBytes = init.lengthBytes ?? fewestLengthBytes(length);
  const mask = init.mask ?? DEFAULT_MASK;

  const first = ((init.fin ?? true) ? 0x80 : 0) | ((init.rsv ?? 0) << 4) | init.opcode;
  const shortLength = lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127;
  const extended = Buffer.alloc(lengthBytes);
  if (lengthBytes === 2) extended.writeUInt16BE(Number(length));
  if (lengthBytes === 8) extended.writeBigUInt64BE(length);
  if (mask === false) {
    return Buffer.concat([Uint8Array.of(first, shortLength), extended, payload]);
  }
  applyMask(payload, mask);
  return Buffer.concat([Uint8Array.of(first, 0x80 | shortLength), extended, mask, payload]);
}

export function rawText(text: string): Buffer {
  return rawFrame({ opcode: 0x1, payload: text });
}

export function rawBinary(bytes: Uint8Array): Buffer {
  return rawFrame({ opcode: 0x2, payload: bytes });
}

export function rawPing(text: string = ""): Buffer {
  return rawFrame({ opcode: 0x9, payload: text });
}

/** A close frame; without a code its payload is empty (§5.5.1). */
export function rawClose(code?: number, reason: string = ""): Buffer {
  if (code === undefined) return rawFrame({ opcode: 0x8 });
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return rawFrame({ opcode: 0x8, payload });
}

/**
 * Reads the frame at the start of `bytes`; `undefined` until it is complete.
 * `size` is the number of bytes that it took. Accepts what the RFC forbids: tests look at it.
 */
export function readRawFrame(bytes: Buffer): { frame: RawFrame; size: number } | undefined {
  const first = bytes[0];
  const second = bytes[1];
  if (first === undefined || second === undefined) return undefined;
  const masked = (second & 0x80) !== 0;
  const shortLength = second & 0x7f;
  const lengthBytes = shortLength < 126 ? 0 : shortLength === 126 ? 2 : 8;
  const headerSize = 2 + lengthBytes + (masked ? 4 : 0);
  if (bytes.length < headerSize) return undefined;

  let length = shortLength;
  if (lengthBytes === 2) length = bytes.readUInt16BE(2);
  if (lengthBytes === 8) length = Number(bytes.readBigUInt64BE(2));
  const size = headerSize + length;
  if (bytes.length < size) return undefined;

  const mask = bytes.subarray(headerSize - 4, headerSize);
  const payload = Buffer.from(bytes.subarray(headerSize, size));
  if (masked) applyMask(payload, mask);
  const frame = {
    fin: (first & 0x80) !== 0,
    rsv: (first >> 4) & 0x7,
    opcode: first & 0xf,
    masked,
    payload,
  };
  return { frame, size };
}

/** Splits a close frame's payload into code and reason; an empty one has the code 1005 (§7.1.5). */
export function readClosePayload(payload: Buffer): { code: number; reason: string } {
  if (payload.length < 2) return { code: 1005, reason: "" };
  return { code: payload.readUInt16BE(0), reason: payload.toString("utf8", 2) };
}
