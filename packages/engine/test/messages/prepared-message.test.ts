/** A message serialized once: what it accepts, what it shares, what it never shares. */
import { toHex } from "@longwire/testkit";
import { describe, expect, it, vi } from "vitest";
import { PreparedMessage } from "../../src/messages/prepared-message.ts";
import type { SharedDeflate } from "../../src/messages/prepared-message.ts";

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;

describe("PreparedMessage", () => {
  it.each([
    ["text", TEXT, "é", "81 02 c3 a9"],
    ["binary", BINARY, Uint8Array.of(1, 2), "82 02 01 02"],
    ["an empty ping", PING, "", "89 00"],
    ["a pong", 10, "x", "8a 01 78"],
    ["a close with a code", CLOSE, Uint8Array.of(0x03, 0xe8), "88 02 03 e8"],
    ["a close without one", CLOSE, "", "88 00"],
  ] as const)("serializes %s for servers once", (_title, type, data, frame) => {
    const prepared = new PreparedMessage(type, data);
    expect(toHex(prepared.serverFrame)).toBe(frame);
    expect(prepared.serverFrame).toBe(prepared.serverFrame);
  });

  it("keeps its own copy of the payload", () => {
    const memory = Uint8Array.of(9, 1, 2, 3, 9);
    const prepared = [
      new PreparedMessage(BINARY, memory.subarray(1, 4)),
      new PreparedMessage(BINARY, new DataView(memory.buffer, 1, 3)),
      new PreparedMessage(BINARY, memory.buffer.slice(1, 4)),
      new PreparedMessage(BINARY, Uint16Array.of(0x0201, 3)),
    ];
    memory.fill(0);
    expect(prepared.map(({ serverFrame }) => toHex(serverFrame))).toEqual([
      "82 03 01 02 03",
      "82 03 01 02 03",
      "82 03 01 02 03",
      "82 04 01 02 03 00",
    ]);
  });

  it.each([
    ["a type that is none", 3, "", TypeError],
    ["a continuation", 0, "", TypeError],
    ["no type", undefined, "", TypeError],
    ["a number as payload", BINARY, 16, TypeError],
    ["no payload", BINARY, undefined, TypeError],
    ["an array", BINARY, [1, 2], TypeError],
    ["text that is not UTF-8", TEXT, Uint8Array.of(0xc3), TypeError],
    ["a ping over 125 bytes", PING, "x".repeat(126), RangeError],
    ["a close over 125 bytes", CLOSE, Buffer.alloc(126), RangeError],
  ])("refuses %s", (_title, type, data, error) => {
    // JavaScript callers may give anything.
    expect(() => new PreparedMessage(type as 1, data as string)).toThrow(error);
  });

  it.each([
    ["one byte", Uint8Array.of(3)],
    ["code 1005", Uint8Array.of(0x03, 0xed)],
    ["code 999", Uint8Array.of(0x03, 0xe7)],
    ["a reason that is not UTF-8", Uint8Array.of(0x03, 0xe8, 0xff)],
  ])("refuses a close payload of %s", (_title, data) => {
    expect(() => new PreparedMessage(CLOSE, data)).toThrow(
      expect.objectContaining({ name: "ProtocolError" }),
    );
  });

  it("accepts control frames of 125 bytes", () => {
    expect(new PreparedMessage(PING, "x".repeat(125)).serverFrame.length).toBe(127);
  });

  it("compresses once for each key, without memory of what went before", () => {
    const deflateShared = vi.fn<SharedDeflate["deflateShared"]>((message) =>
      Buffer.from([...message].toReversed()),
    );
    const one: SharedDeflate = { sharedKey: "1/12", deflateShared };
    const same: SharedDeflate = { sharedKey: "1/12", deflateShared };
    const other: SharedDeflate = { sharedKey: "6/15", deflateShared };
    const prepared = new PreparedMessage(TEXT, "abc");
    const frame = prepared.compressedServerFrame(one);
    expect(toHex(frame)).toBe("c1 03 63 62 61");
    expect(prepared.compressedServerFrame(same)).toBe(frame);
    expect(deflateShared).toHaveBeenCalledTimes(1);
    expect(prepared.compressedServerFrame(other)).not.toBe(frame);
    expect(deflateShared).toHaveBeenCalledTimes(2);
    expect(toHex(prepared.serverFrame)).toBe("81 03 61 62 63");
  });
});
