/** Payload of a close frame: a code and a reason, or nothing (RFC 6455 §5.5.1, §7.4). */

import { CloseCode, isSendableCloseCode } from "../close-code.ts";
import { ProtocolError } from "../errors.ts";
import { MAX_CONTROL_PAYLOAD_BYTES } from "./frame.ts";
import { isValidUtf8 } from "./utf8.ts";

/** 125 bytes less the two of the code. */
export const MAX_CLOSE_REASON_BYTES: number = MAX_CONTROL_PAYLOAD_BYTES - 2;

export interface ClosePayload {
  /** 1005 when the frame had no payload. */
  readonly code: number;
  readonly reason: string;
}

/**
 * Parses the payload of a received close frame.
 *
 * @throws ProtocolError `WS_CLOSE_PAYLOAD_INVALID` (1 byte), `WS_CLOSE_CODE_INVALID`, `WS_UTF8_INVALID`.
 */
export function parseClosePayload(payload: Buffer): ClosePayload {
  if (payload.length === 0) return { code: CloseCode.noStatusReceived, reason: "" };
  if (payload.length === 1) {
    // "the first two bytes of the body MUST be a 2-byte unsigned integer" §5.5.1
    throw new ProtocolError(
      "WS_CLOSE_PAYLOAD_INVALID",
      CloseCode.protocolError,
      "close payload of 1 byte: a code takes 2",
    );
  }
  const code = payload.readUInt16BE(0);
  if (!isSendableCloseCode(code)) {
    throw new ProtocolError(
      "WS_CLOSE_CODE_INVALID",
      CloseCode.protocolError,
      `close code ${code} must not be sent`,
    );
  }
  if (payload.length === 2) return { code, reason: "" };
  const reason = payload.subarray(2);
  if (!isValidUtf8(reason)) {
    throw new ProtocolError(
      "WS_UTF8_INVALID",
      CloseCode.invalidPayload,
      "close reason is not valid UTF-8",
    );
  }
  return { code, reason: reason.toString("utf8") };
}

/**
 * Serializes the payload of a close frame; 1005 gives the empty payload.
 *
 * @throws RangeError for a code that must not be sent, or a reason over 123 bytes of UTF-8.
 */
export function serializeClosePayload(code: number, reason: string): Buffer {
  if (typeof reason !== "string") {
    throw new TypeError(`close reason must be a string, got ${typeof reason}`);
  }
  if (code === CloseCode.noStatusReceived) {
    if (reason !== "") throw new RangeError("a close without a code (1005) can't have a reason");
    return Buffer.alloc(0);
  }
  if (!isSendableCloseCode(code)) {
    throw new RangeError(`close code must be 1000-1003, 1007-1014 or 3000-4999, got ${code}`);
  }
  if (reason === "") return Buffer.of(code >> 8, code & 0xff);
  const length = Buffer.byteLength(reason);
  if (length > MAX_CLOSE_REASON_BYTES) {
    throw new RangeError(
      `close reason must be at most ${MAX_CLOSE_REASON_BYTES} bytes of UTF-8, got ${length}`,
    );
  }
  const payload = Buffer.allocUnsafeSlow(2 + length);
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
}

/** Cuts `text` to what fits a close reason, at a character. */
export function truncateCloseReason(text: string): string {
  if (Buffer.byteLength(text) <= MAX_CLOSE_REASON_BYTES) return text;
  const bytes = Buffer.from(text);
  let end = MAX_CLOSE_REASON_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
