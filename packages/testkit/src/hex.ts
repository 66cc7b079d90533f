/** Bytes written as spaced hex, the notation of every wire test: `81 05 48656c6c6f`. */

/**
 * Parses hex digits into bytes; white space may stand anywhere.
 *
 * @throws TypeError when the text holds anything but pairs of hex digits.
 */
export function hex(text: string): Buffer {
  const digits = text.replaceAll(/\s+/gu, "");
  const bytes = Buffer.from(digits, "hex"); // stops at the first pair that is not hex
  if (bytes.length * 2 !== digits.length) {
    throw new TypeError(`hex must be pairs of hex digits, got ${JSON.stringify(text)}`);
  }
  return bytes;
}

/** Writes bytes as pairs of hex digits with a space between them. */
export function toHex(bytes: Uint8Array): string {
  const pairs: string[] = [];
  for (const byte of bytes) pairs.push(byte.toString(16).padStart(2, "0"));
  return pairs.join(" ");
}
