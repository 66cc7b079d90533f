/** A message that is serialized once and written to many connections. */

import { parseClosePayload } from "../framing/close-payload.ts";
import type { ClosePayload } from "../framing/close-payload.ts";
import { headerSize, firstByte, writeHeader } from "../framing/frame-serializer.ts";
import { MAX_CONTROL_PAYLOAD_BYTES } from "../framing/frame.ts";
import { isControl, Opcode } from "../framing/opcode.ts";
import { isValidUtf8 } from "../framing/utf8.ts";
import type { MessageType } from "./message.ts";

/** Bytes that anybody may share: a string, an ArrayBuffer or a view of one. */
export type PreparedPayload = string | ArrayBufferView | ArrayBuffer;

/** What a prepared message needs of a connection's compression. */
export interface SharedDeflate {
  /** Names all that the compressed bytes depend on. */
  readonly sharedKey: string;
  deflateShared(message: Uint8Array): Buffer;
}

/**
 * A message of any type, with its own copy of the payload. The frame for servers is built once; a client masks the
 * payload with a fresh key each time (RFC 6455 §5.3).
 */
export class PreparedMessage {
  readonly type: MessageType;
  /** @internal Only to be read. */
  readonly payload: Buffer;
  #serverFrame: Buffer | undefined;
  #compressedFrames: Map<string, Buffer> | undefined;

  /**
   * @throws TypeError for an unknown type, another kind of payload, or a text that is not UTF-8; RangeError for a
   * control frame above 125 bytes; ProtocolError for a close payload that must not be sent.
   */
  constructor(type: MessageType, data: PreparedPayload) {
    this.type = type;
    this.payload = copyOf(data);
    const { length } = this.payload;
    if (![Opcode.text, Opcode.binary, Opcode.close, Opcode.ping, Opcode.pong].includes(type)) {
      throw new TypeError(`message type must be 1, 2, 8, 9 or 10, got ${String(type)}`);
    }
    if (isControl(type) && length > MAX_CONTROL_PAYLOAD_BYTES) {
      throw new RangeError(
        `control frame payload must be at most ${MAX_CONTROL_PAYLOAD_BYTES} bytes, got ${length}`,
      );
    }
    if (type === Opcode.text && !isValidUtf8(this.payload))
      throw new TypeError("text message is not valid UTF-8");
    if (type === Opcode.close) parseClosePayload(this.payload);
  }

  /** @internal The plain frame that a server writes. */
  get serverFrame(): Buffer {
    return (this.#serverFrame ??= serializeServerFrame(
      firstByte(true, false, this.type),
      this.payload,
    ));
  }

  /** @internal The compressed frame for all servers' connections with the same settings, without reference to earlier messages. */
  compressedServerFrame(deflate: SharedDeflate): Buffer {
    const key = deflate.sharedKey;
    return (
      this.#compressedFrames?.get(key) ??
      this.keepCompressed(key, deflate.deflateShared(this.payload))
    );
  }

  /** @internal That frame is there. */
  isCompressed(key: string): boolean {
    return this.#compressedFrames?.has(key) === true;
  }

  /** @internal Makes that frame of the compressed payload, which is copied. */
  keepCompressed(key: string, compressed: Uint8Array): Buffer {
    const frame = serializeServerFrame(firstByte(true, true, this.type), compressed);
    (this.#compressedFrames ??= new Map()).set(key, frame);
    return frame;
  }

  /** @internal Code and reason of a prepared close. */
  get closePayload(): ClosePayload {
    return parseClosePayload(this.payload);
  }
}

/** One unmasked frame in memory of its own. */
export function serializeServerFrame(first: number, payload: Uint8Array): Buffer {
  const header = headerSize(payload.length, false);
  const frame = Buffer.allocUnsafeSlow(header + payload.length);
  writeHeader(frame, 0, first, payload.length, undefined);
  frame.set(payload, header);
  return frame;
}

function copyOf(data: PreparedPayload): Buffer {
  if (typeof data === "string") return Buffer.from(data);
  const view = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : data;
  if (!(view instanceof Uint8Array || view instanceof ArrayBuffer)) {
    throw new TypeError(`payload must be a string, ArrayBuffer or view of one, got ${typeof data}`);
  }
  const copy = Buffer.allocUnsafeSlow(view.byteLength);
  copy.set(view instanceof ArrayBuffer ? new Uint8Array(view) : view);
  return copy;
}
