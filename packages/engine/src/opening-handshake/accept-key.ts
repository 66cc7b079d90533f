/** Sec-WebSocket-Key, and the Sec-WebSocket-Accept that answers it. RFC 6455 §1.3, §4.2.2. */

import crypto from "node:crypto";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES = 16;
/** 16 bytes are 22 base64 characters and two `=`. */
const KEY_DIGITS = 22;
const KEY_CHARACTERS = 24;

/** In base64. From Node 20.12 on without an object for it: 0.28 instead of 0.77 µs. */
const sha1: (text: string) => string =
  typeof crypto.hash === "function"
    ? (text) => crypto.hash("sha1", text, "base64")
    : (text) => crypto.createHash("sha1").update(text).digest("base64");

function isBase64Digit(code: number): boolean {
  return (
    (code >= 0x41 && code <= 0x5a) || // A-Z
    (code >= 0x61 && code <= 0x7a) || // a-z
    (code >= 0x30 && code <= 0x39) || // 0-9
    code === 0x2b || // +
    code === 0x2f // /
  );
}

/**
 * Tells whether `key` is "a base64-encoded … value that, when decoded, is 16 bytes in length" (§4.2.1).
 * The standard alphabet only. The four bits that the last digit has over may be anything: RFC 4648 §3.5 leaves that
 * to the decoder, and keys written by hand in test tools have them set.
 */
export function isValidKey(key: string): boolean {
  if (key.length !== KEY_CHARACTERS || !key.endsWith("==")) return false;
  for (let at = 0; at < KEY_DIGITS; at++) {
    if (!isBase64Digit(key.charCodeAt(at))) return false;
  }
  return true;
}

/** Makes the Sec-WebSocket-Accept value for a Sec-WebSocket-Key (§4.2.2 step 5.4). */
export function acceptKey(key: string): string {
  return sha1(key + GUID);
}

/** Makes a new Sec-WebSocket-Key: "the nonce MUST be selected randomly for each connection" (§4.1). */
export function createKey(): string {
  return crypto.randomBytes(KEY_BYTES).toString("base64");
}
