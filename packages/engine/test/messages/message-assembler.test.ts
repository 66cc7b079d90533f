/** Fragments become messages (RFC 6455 §5.4, §5.6, §6.2, §8.1); each outcome with the bytes split at every position. */
import { hex } from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Inflater } from "../../src/messages/message-assembler.ts";
import { assemble, Assembly, bytesToFault } from "./assembly-log.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const CONTINUATION_FAULT = "fault:WS_CONTINUATION_UNEXPECTED:1002";
const SEQUENCE_FAULT = "fault:WS_DATA_BEFORE_FIN:1002";
const TEXT_FAULT = "fault:WS_UTF8_INVALID:1007";
const LIMIT_FAULT = "fault:WS_READ_LIMIT:1009";

describe("RFC 6455 §5.4 fragmentation", () => {
  it.each([
    ["one frame is one message", "81 02 6869", ["text:6869"]],
    ["an empty frame is an empty message", "82 00", ["binary:"]],
    ["three fragments are one message", "01 01 61 00 01 62 80 01 63", ["text:616263"]],
    ["all fragments have the first one's type", "02 01 ff 80 01 fe", ["binary:fffe"]],
    ["fragments may be empty", "01 00 00 00 00 01 61 00 00 80 00", ["text:61"]],
    ["a message may consist of empty fragments", "02 00 00 00 80 00", ["binary:"]],
    [
      "messages follow each other",
      "81 01 61 02 00 80 01 62 82 01 63",
      ["text:61", "binary:62", "binary:63"],
    ],
  ])("%s", (_title, bytes, events) => {
    expect(assemble(bytes)).toEqual(events);
  });

  it.each([
    ["a continuation without a message", "80 01 61", [CONTINUATION_FAULT]],
    ["a continuation without FIN without a message", "00 00", [CONTINUATION_FAULT]],
    ["a continuation behind a whole message", "81 01 61 80 00", ["text:61", CONTINUATION_FAULT]],
    ["a continuation behind the last fragment", "01 00 80 00 80 00", ["text:", CONTINUATION_FAULT]],
    ["a text inside a message", "01 01 61 81 01 62", [SEQUENCE_FAULT]],
    ["a binary first fragment inside a message", "02 00 02 00", [SEQUENCE_FAULT]],
    ["a second message behind a continuation", "01 00 00 00 82 00", [SEQUENCE_FAULT]],
  ])("endpoint rejects %s", (_title, bytes, events) => {
    expect(assemble(bytes)).toEqual(events);
  });

  it("endpoint finds a wrong sequence in the header, before the payload", () => {
    expect(bytesToFault("80 05 6162")).toBe(2);
    expect(bytesToFault("01 01 61 81 05 6162")).toBe(5);
  });

  it("endpoint handles control frames between fragments at once and in order", () => {
    expect(assemble("01 01 61 89 01 70 00 01 62 8a 00 88 02 03e8 80 01 63")).toEqual([
      "ping:70",
      "pong:",
      "close:03e8",
      "text:616263",
    ]);
  });

  it("endpoint handles control frames of 125 bytes between fragments", () => {
    const payload = "5a".repeat(125);
    expect(assemble(`02 01 61 89 7d ${payload} 80 00`)).toEqual([`ping:${payload}`, "binary:61"]);
  });

  it("keeps the memory of two split control payloads apart", () => {
    const payloads: Buffer[] = [];
    const assembly = new Assembly();
    assembly.onControl = (_opcode, payload) => void payloads.push(payload);
    for (const byte of hex("89 02 6161 89 02 6262")) assembly.push(Buffer.of(byte));
    expect(payloads.map(String)).toEqual(["aa", "bb"]);
  });
});

describe("RFC 6455 §8.1 text", () => {
  it.each([
    ["whole characters", "81 03 e282ac", ["text:e282ac"]],
    ["a character across two fragments", "01 01 e2 80 02 82ac", ["text:e282ac"]],
    ["a character across three fragments", "01 02 f09f 00 01 98 80 01 80", ["text:f09f9880"]],
    ["a character across an empty fragment", "01 01 c3 00 00 80 01 a9", ["text:c3a9"]],
    ["a ping inside a character", "01 01 c3 89 01 ff 80 01 a9", ["ping:ff", "text:c3a9"]],
    ["binary that is not UTF-8", "82 02 c328", ["binary:c328"]],
  ])("endpoint accepts %s", (_title, bytes, events) => {
    expect(assemble(bytes)).toEqual(events);
  });

  it.each([
    ["a bad byte", "81 02 61ff"],
    ["an incomplete character at the end", "81 02 61c3"],
    ["an incomplete character at the end of the last fragment", "01 01 61 80 01 c3"],
    ["a last fragment that is empty behind half a character", "01 01 e2 80 00"],
    ["a surrogate across fragments", "01 01 ed 80 02 a080"],
    ["a character cut by the next fragment", "01 01 c3 80 01 41"],
  ])("endpoint rejects %s", (_title, bytes) => {
    expect(assemble(bytes)).toEqual([TEXT_FAULT]);
  });

  it("endpoint does not carry half a character into the next message", () => {
    expect(assemble("02 01 c3 80 00 81 01 61")).toEqual(["binary:c3", "text:61"]);
    expect(assemble("82 01 c3 81 01 a9")).toEqual(["binary:c3", TEXT_FAULT]);
  });

  it("endpoint fails inside a frame, at the byte that makes it invalid", () => {
    expect(bytesToFault("81 05 61ff626364")).toBe(4);
    expect(bytesToFault("01 7e 0100 61 f490 8080")).toBe(7);
    expect(bytesToFault("01 01 f4 00 05 90 80808080")).toBe(6);
  });

  it("endpoint fails when a frame with a bad byte has come in two pieces, before its end", () => {
    const assembly = new Assembly();
    expect(() => assembly.pushHex("81 7d 61ff62")).toThrow(
      expect.objectContaining({ code: "WS_UTF8_INVALID", closeCode: 1007 }),
    );
  });
});

describe("read limit", () => {
  const limit = (bytes: number) => ({ readLimit: bytes });

  it.each([
    ["one frame", "82 03 010203"],
    ["fragments", "02 01 01 00 01 02 80 01 03"],
    ["fragments, some empty", "02 00 00 03 010203 00 00 80 00"],
  ])("a message of exactly the limit in %s is given", (_title, bytes) => {
    expect(assemble(bytes, limit(3))).toEqual(["binary:010203"]);
  });

  it.each([
    ["one frame", "82 04 01020304", 2],
    ["the last fragment", "02 03 010203 80 01 04", 7],
    ["a fragment before the last", "02 03 010203 00 01 04 80 00", 7],
    ["the first fragment", "02 04 01020304 80 00", 2],
    ["16-bit length", "82 7e 007e 00", 4],
    ["64-bit length", "82 7f 0000000000010000 00", 10],
    ["2^31 bytes", "82 7f 0000000080000000 00", 10],
    ["2^53 - 1 bytes", "82 7f 001fffffffffffff 00", 10],
  ])("a message over it by %s is refused when the header says so", (_title, bytes, after) => {
    expect(assemble(bytes, limit(3))).toEqual([LIMIT_FAULT]);
    expect(bytesToFault(bytes, limit(3))).toBe(after);
  });

  it("counts each message anew, and no control frames", () => {
    expect(assemble("02 02 0102 89 04 01020304 80 01 03 82 03 010203", limit(3))).toEqual([
      "ping:01020304",
      "binary:010203",
      "binary:010203",
    ]);
  });

  it("may change between fragments", () => {
    const assembly = new Assembly(limit(2)).pushHex("02 02 0102");
    assembly.readLimit = 3;
    assembly.pushHex("80 01 03");
    assembly.readLimit = 1;
    expect(() => assembly.pushHex("82 02 0102")).toThrow(
      expect.objectContaining({
        code: "WS_READ_LIMIT",
        message: "message over the read limit of 1 bytes",
      }),
    );
    expect(assembly.events).toEqual(["binary:010203"]);
  });

  it("Infinity limits nothing", () => {
    const payload = "00".repeat(70_000);
    const assembly = new Assembly(limit(Infinity)).pushHex(`82 7f 0000000000011170 ${payload}`);
    expect(assembly.messages[0]?.length).toBe(70_000);
  });
});

describe("memory of an unfinished message", () => {
  it("grows with what arrives, never by the length that a header declares", () => {
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
    const assembly = new Assembly().pushHex("82 7f 0000000000100000 0102");
    expect(assembly.assembler.storedBytes).toBe(2);
    expect(Math.max(...allocated.mock.calls.map(([size]) => size))).toBeLessThanOrEqual(256);
    assembly.push(Buffer.alloc(100_000));
    expect(assembly.assembler.storedBytes).toBe(100_002);
    expect(Math.max(...allocated.mock.calls.map(([size]) => size))).toBeLessThanOrEqual(500_010);
  });

  it("is taken once for 1 MiB whose first read is a full one of 256 KiB", () => {
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
    const assembly = new Assembly().pushHex("82 7f 0000000000100000");
    assembly.push(Buffer.alloc(262_144 - 14)); // with the 14 bytes of a masked header
    for (let read = 0; read < 3; read++) assembly.push(Buffer.alloc(262_144));
    assembly.push(Buffer.alloc(14));
    expect(assembly.messages[0]?.length).toBe(1_048_576);
    expect(allocated.mock.calls).toEqual([[1_048_576]]);
  });

  it("is never more than the read limit", () => {
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
    const assembly = new Assembly({ readLimit: 1000 }).pushHex("02 00");
    for (let count = 0; count < 1000; count++) assembly.pushHex("00 01 7a");
    expect(Math.max(...allocated.mock.calls.map(([size]) => size))).toBeLessThanOrEqual(1000);
    assembly.pushHex("80 00");
    expect(assembly.messages[0]?.length).toBe(1000);
    expect(assembly.messages[0]?.buffer.byteLength).toBeLessThanOrEqual(1000);
  });

  it("is copied a few times in all, however small the fragments", () => {
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
    const assembly = new Assembly().pushHex("02 00");
    for (let count = 0; count < 20_000; count++) assembly.pushHex("00 01 7a");
    assembly.pushHex("80 00");
    expect(assembly.messages[0]?.every((byte) => byte === 0x7a)).toBe(true);
    const total = allocated.mock.calls.reduce((sum, [size]) => sum + size, 0);
    expect(total).toBeLessThan(20_000 * 5);
    expect(allocated.mock.calls.length).toBeLessThan(12);
  });

  it("is nothing while only empty fragments come", () => {
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
    const assembly = new Assembly().pushHex("01 00");
    for (let count = 0; count < 10_000; count++) assembly.pushHex("00 00");
    expect(assembly.assembler.storedBytes).toBe(0);
    expect(allocated).not.toHaveBeenCalled();
    expect(assembly.pushHex("80 00").events).toEqual(["text:"]);
  });

  it("is given away with the message", () => {
    const assembly = new Assembly().pushHex("02 01 61 80 01 62 02 01 63");
    expect(assembly.assembler.storedBytes).toBe(1);
    assembly.pushHex("80 01 64");
    expect(assembly.messages.map(String)).toEqual(["ab", "cd"]);
    expect(assembly.assembler.storedBytes).toBe(0);
  });
});

describe("discarding", () => {
  const discarding = { prepare: (assembly: Assembly) => assembly.discardData() };

  it("gives control frames only", () => {
    expect(assemble("81 01 61 89 01 70 02 01 62 8a 00 80 01 63 88 00", discarding)).toEqual([
      "ping:70",
      "pong:",
      "close:",
    ]);
  });

  it("looks at no length and no text", () => {
    expect(assemble("82 04 01020304 81 02 c328 89 00", { ...discarding, readLimit: 3 })).toEqual([
      "ping:",
    ]);
  });

  it("still knows which frame may follow which", () => {
    expect(assemble("81 01 61 80 01 62", discarding)).toEqual([CONTINUATION_FAULT]);
    expect(assemble("01 01 61 82 01 62", discarding)).toEqual([SEQUENCE_FAULT]);
  });

  it("drops what is there of an unfinished message, and the rest of it", () => {
    const assembly = new Assembly().pushHex("02 05 0102");
    assembly.discardData();
    expect(assembly.assembler.storedBytes).toBe(0);
    expect(assembly.pushHex("030405 00 01 06 89 00 80 00 81 01 61 8a 00").events).toEqual([
      "ping:",
      "pong:",
    ]);
  });

  it("goes on in a message that is being streamed, without giving more of it", () => {
    const assembly = new Assembly();
    assembly.startStreaming();
    assembly.pushHex("02 05 0102");
    assembly.discardData();
    expect(assembly.pushHex("030405 80 01 06 82 01 07 89 00").events).toEqual([
      "start:binary",
      "piece:0102",
      "ping:",
    ]);
  });
});

describe("streaming", () => {
  const streaming = { prepare: (assembly: Assembly) => assembly.startStreaming() };

  it("gives a message in pieces from its first byte on", () => {
    expect(assemble("01 02 6162 89 00 00 01 63 80 01 64", streaming)).toEqual([
      "start:text",
      "piece:6162",
      "ping:",
      "end:6364",
    ]);
    expect(assemble("82 02 0102", streaming)).toEqual(["start:binary", "end:0102"]);
  });

  it("announces a message with its first header", () => {
    expect(new Assembly(streaming).pushHex("01 05").events).toEqual(["start:text"]);
  });

  it("ends with an empty piece when the last fragment is empty", () => {
    expect(assemble("02 01 61 00 00 80 00", streaming)).toEqual(["start:binary", "end:61"]);
    expect(assemble("81 00", streaming)).toEqual(["start:text", "end:"]);
    expect(new Assembly(streaming).pushHex("02 01 61 00 00 80 00").events).toEqual([
      "start:binary",
      "piece:61",
      "end:",
    ]);
  });

  it("keeps nothing", () => {
    const assembly = new Assembly(streaming).push(
      Buffer.concat([hex("02 7e ffff"), Buffer.alloc(60_000)]),
    );
    expect(assembly.assembler.storedBytes).toBe(0);
  });

  it("begins in the middle of a message with what is there of it", () => {
    const assembly = new Assembly().pushHex("01 03 6162");
    assembly.startStreaming();
    expect(assembly.assembler.storedBytes).toBe(0);
    assembly.pushHex("63 89 00 80 01 64");
    expect(assembly.events).toEqual(["start:text", "piece:6162", "piece:63", "ping:", "end:64"]);
  });

  it("begins inside a message of which nothing has come but a header", () => {
    const assembly = new Assembly().pushHex("02 03");
    assembly.startStreaming();
    assembly.startStreaming();
    expect(assembly.pushHex("010203 80 00").events).toEqual([
      "start:binary",
      "piece:010203",
      "end:",
    ]);
  });

  it("ends with the message under way; the next one is whole again", () => {
    const assembly = new Assembly(streaming).pushHex("02 01 61");
    assembly.stopStreaming();
    expect(assembly.pushHex("80 01 62 82 01 63").events).toEqual([
      "start:binary",
      "piece:61",
      "end:62",
      "binary:63",
    ]);
  });

  it("checks text across pieces, from the middle of a message on too", () => {
    expect(assemble("01 01 c3 80 01 28", streaming).at(-1)).toBe(TEXT_FAULT);
    expect(assemble("81 01 c3", streaming).at(-1)).toBe(TEXT_FAULT);
    const assembly = new Assembly().pushHex("01 01 c3");
    assembly.startStreaming();
    expect(() => assembly.pushHex("00 01 28")).toThrow(
      expect.objectContaining({ code: "WS_UTF8_INVALID" }),
    );
  });

  it("holds the read limit over all fragments", () => {
    expect(assemble("02 02 0102 00 02 0304", { ...streaming, readLimit: 3 }).at(-1)).toBe(
      LIMIT_FAULT,
    );
  });

  it("holds the sequence of frames", () => {
    expect(assemble("02 01 61 82 01 62", streaming).at(-1)).toBe(SEQUENCE_FAULT);
    expect(assemble("82 01 61 80 00", streaming)).toEqual([
      "start:binary",
      "end:61",
      CONTINUATION_FAULT,
    ]);
  });
});

describe("compressed messages", () => {
  /** Doubles every byte, as a stand-in for inflating. */
  const inflater: Inflater = {
    inflate: (payload, limit) =>
      payload.length * 2 > limit ? undefined : Buffer.concat([payload, payload]),
  };
  const options = { inflater, readLimit: 8 };

  it("are inflated whole, from one frame or several", () => {
    expect(assemble("c2 02 0102 42 01 03 80 01 04 82 01 05", options)).toEqual([
      "binary:01020102",
      "binary:03040304",
      "binary:05",
    ]);
  });

  it("hold the read limit after inflating", () => {
    expect(assemble("c2 04 01020304", options)).toEqual(["binary:0102030401020304"]);
    expect(assemble("c2 05 0102030405", options)).toEqual([LIMIT_FAULT]);
    expect(assemble("42 04 01020304 80 01 05", options)).toEqual([LIMIT_FAULT]);
  });

  it("may be a little longer on the wire than the limit, not much", () => {
    const long = (length: number) =>
      `c2 7f ${length.toString(16).padStart(16, "0")} ${"00".repeat(20)}`;
    expect(() => new Assembly(options).pushHex(long(65_536 + 8))).not.toThrow();
    expect(() => new Assembly(options).pushHex(long(65_536 + 9))).toThrow(
      expect.objectContaining({ code: "WS_READ_LIMIT" }),
    );
  });

  it("are checked for UTF-8 after inflating", () => {
    const halves: Inflater = { inflate: (payload) => Buffer.from(payload).swap16() };
    expect(assemble("c1 02 a9c3", { inflater: halves })).toEqual(["text:c3a9"]);
    expect(assemble("c1 02 c3a9", { inflater: halves })).toEqual([TEXT_FAULT]);
    expect(assemble("41 01 a9 80 01 c3", { inflater: halves })).toEqual(["text:c3a9"]);
  });

  it("are streamed as they are, and say so", () => {
    const events = assemble("41 01 ff 00 01 fe 80 01 fd 81 01 61", {
      ...options,
      prepare: (assembly) => assembly.startStreaming(),
    });
    expect(events).toEqual(["start:text:compressed", "end:fffefd", "start:text", "end:61"]);
  });

  it("are not inflated when they are discarded", () => {
    const inflate = vi.fn<Inflater["inflate"]>();
    const assembly = new Assembly({ inflater: { inflate } });
    assembly.discardData();
    assembly.pushHex("c1 02 0102 42 00 80 00");
    expect(inflate).not.toHaveBeenCalled();
  });
});
