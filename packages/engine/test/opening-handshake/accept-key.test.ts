import { describe, expect, it } from "vitest";
import { acceptKey, createKey, isValidKey } from "../../src/opening-handshake/accept-key.ts";

describe("RFC 6455 §1.3 Sec-WebSocket-Accept", () => {
  it("answers the key of the RFC with the accept value of the RFC", () => {
    expect(acceptKey("dGhlIHNhbXBsZSBub25jZQ==")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });
});

describe("RFC 6455 §4.2.1 Sec-WebSocket-Key", () => {
  it.each([
    "dGhlIHNhbXBsZSBub25jZQ==",
    "AAAAAAAAAAAAAAAAAAAAAA==",
    "+/+/+/+/+/+/+/+/+/+/+w==",
    "dGhlIHNhbXBsZSBub25jZR==", // unused bits set, RFC 4648 §3.5
  ])("may be %s", (key) => {
    expect(isValidKey(key)).toBe(true);
  });

  it.each([
    ["empty", ""],
    ["not base64", "dGhlIHNhbXBsZSBub25jZ!=="],
    ["base64url", "-_-_-_-_-_-_-_-_-_-_-w=="],
    ["15 bytes", "AAAAAAAAAAAAAAAAAAAA"],
    ["17 bytes", "AAAAAAAAAAAAAAAAAAAAAAA="],
    ["20 bytes", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
    ["unpadded", "dGhlIHNhbXBsZSBub25jZQ"],
    ["half padded", "dGhlIHNhbXBsZSBub25jZQ="],
    ["padded inside", "dGhlIHNhbXBsZSBub25j===="],
    ["preceded by a space", " dGhlIHNhbXBsZSBub25jZQ="],
    ["followed by a space", "dGhlIHNhbXBsZSBub25jZQ== "],
    ["two keys joined", "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="],
    ["of letters that look like base64", "\u0410AAAAAAAAAAAAAAAAAAAAA=="],
    ["with a line break", "dGhlIHNhbXBs\nSBub25jZQ=="],
  ])("must not be %s", (_, key) => {
    expect(isValidKey(key)).toBe(false);
  });
});

describe("RFC 6455 §4.1 a new Sec-WebSocket-Key", () => {
  it("is 16 bytes in base64, another one each time", () => {
    const keys = Array.from({ length: 100 }, createKey);
    expect(keys.every(isValidKey)).toBe(true);
    expect(keys.every((key) => Buffer.from(key, "base64").length === 16)).toBe(true);
    expect(new Set(keys).size).toBe(100);
  });
});
