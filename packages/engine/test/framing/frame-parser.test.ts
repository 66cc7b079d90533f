/** The frame parser, read beside RFC 6455 §5. Every outcome is checked with the bytes split at every position. */
import { hex } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import { FrameParser } from "../../src/framing/frame-parser.ts";
import type { Role } from "../../src/framing/frame.ts";
import { brief, bytesToFault, bytewise, FrameLog, parse, parseOutcome } from "./frame-log.ts";

const KEY = "37fa213d";

/** A row of a table of faults: who receives which bytes, and after how many of them it is over. */
type Fault = readonly [
  title: string,
  role: Role,
  bytes: string,
  code: ErrorCode,
  closeCode: number,
  after: number,
];

function itRejects(faults: readonly Fault[]): void {
  it.each(faults)("%s", (_title, role, bytes, code, closeCode, after) => {
    expect(() => parse(role, bytes)).toThrow(expect.objectContaining({ code, closeCode }));
    expect(bytesToFault(role, bytes)).toBe(after);
  });
}

describe("RFC 6455 §5.1 masking by role", () => {
  itRejects([
    ["server rejects an unmasked frame", "server", "81 05 48656c6c6f", "WS_MASK_MISSING", 1002, 2],
    ["server rejects an unmasked control frame", "server", "89 00", "WS_MASK_MISSING", 1002, 2],
    ["client rejects a masked frame", "client", `81 85 ${KEY}`, "WS_MASK_UNEXPECTED", 1002, 2],
    ["client rejects a masked close frame", "client", "88 80", "WS_MASK_UNEXPECTED", 1002, 2],
  ]);

  it("server unmasks what a client sends", () => {
    expect(parse("server", `81 85 ${KEY} 7f9f4d5158`)).toEqual([
      { fin: true, rsv1: false, opcode: 1, length: 5, payload: "48656c6c6f", complete: true },
    ]);
  });

  it("client takes what a server sends as it is", () => {
    expect(brief(parse("client", "81 05 48656c6c6f"))).toEqual(["1:48656c6c6f"]);
  });

  it("server accepts a masking key of zeros", () => {
    expect(brief(parse("server", "82 83 00000000 010203"))).toEqual(["2:010203"]);
  });

  it("server reads the mask bit of every frame, not only the first", () => {
    expect(() => parse("server", `81 80 ${KEY} 81 00`)).toThrow(
      expect.objectContaining({ code: "WS_MASK_MISSING" }),
    );
  });
});

describe("RFC 6455 §5.2 reserved bits", () => {
  itRejects([
    ["server rejects RSV1", "server", `c1 80 ${KEY}`, "WS_RSV_UNEXPECTED", 1002, 1],
    ["server rejects RSV2", "server", `a1 80 ${KEY}`, "WS_RSV_UNEXPECTED", 1002, 1],
    ["server rejects RSV3", "server", `91 80 ${KEY}`, "WS_RSV_UNEXPECTED", 1002, 1],
    ["client rejects RSV1", "client", "c2 00", "WS_RSV_UNEXPECTED", 1002, 1],
    ["client rejects RSV2", "client", "a2 00", "WS_RSV_UNEXPECTED", 1002, 1],
    ["client rejects RSV3", "client", "92 00", "WS_RSV_UNEXPECTED", 1002, 1],
    ["client rejects all three on a ping", "client", "f9 00", "WS_RSV_UNEXPECTED", 1002, 1],
  ]);

  it.each(["41", "c1", "42", "c2"])(
    "endpoint with an extension accepts RSV1 on a first fragment (%s)",
    (first) => {
      const [frame] = parse("client", `${first} 01 00`, { rsv1Allowed: true });
      expect(frame).toMatchObject({ rsv1: true, opcode: Number.parseInt(first, 16) & 0xf });
    },
  );

  it.each(["c0", "40", "c8", "c9", "ca", "e1", "d1", "f2", "a0"])(
    "endpoint with an extension still rejects the first byte %s",
    (first) => {
      const bytes = `${first} 00`;
      expect(() => parse("client", bytes, { rsv1Allowed: true })).toThrow(
        expect.objectContaining({ code: "WS_RSV_UNEXPECTED", closeCode: 1002 }),
      );
      expect(bytesToFault("client", bytes, { rsv1Allowed: true })).toBe(1);
    },
  );
});

describe("RFC 6455 §5.2 opcodes", () => {
  const reserved = [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf];

  it.each(reserved)("both roles reject opcode %i at its first byte", (opcode) => {
    for (const fin of [0x80, 0]) {
      const first = (fin | opcode).toString(16).padStart(2, "0");
      for (const [role, rest] of [
        ["server", `80 ${KEY}`],
        ["client", "00"],
      ] as const) {
        expect(() => parse(role, `${first} ${rest}`)).toThrow(
          expect.objectContaining({ code: "WS_OPCODE_UNKNOWN", closeCode: 1002 }),
        );
        expect(bytesToFault(role, `${first} ${rest}`)).toBe(1);
      }
    }
  });

  it("client reads each of the six", () => {
    const frames = parse("client", "02 00 00 00 80 00 81 00 88 00 89 00 8a 00");
    expect(brief(frames)).toEqual(["2-:", "0-:", "0:", "1:", "8:", "9:", "a:"]);
  });
});

describe("RFC 6455 §5.2 payload length", () => {
  it.each([
    [0, "82 00"],
    [1, "82 01"],
    [125, "82 7d"],
    [126, "82 7e 007e"],
    [127, "82 7e 007f"],
    [65_535, "82 7e ffff"],
    [65_536, "82 7f 0000000000010000"],
    [65_537, "82 7f 0000000000010001"],
  ])("client reads %i bytes of payload", (length, header) => {
    const [frame] = parse("client", `${header} ${"5a".repeat(length)}`);
    expect(frame).toMatchObject({ length, complete: true });
    expect(frame?.payload.length).toBe(length * 2);
  });

  it.each([
    [2 ** 31, "82 7f 0000000080000000"],
    [2 ** 32 - 1, "82 7f 00000000ffffffff"],
    [2 ** 32, "82 7f 0000000100000000"],
    [2 ** 53 - 1, "82 7f 001fffffffffffff"],
  ])("client announces %i bytes exactly", (length, header) => {
    expect(parse("client", header)).toEqual([
      { fin: true, rsv1: false, opcode: 2, length, payload: "", complete: false },
    ]);
  });

  it("server reads the masking key behind an extended length", () => {
    const payload = "00".repeat(126);
    const [frame] = parse("server", `82 fe 007e 01020304 ${payload}`);
    expect(frame?.payload.slice(0, 16)).toBe("0102030401020304");
    const [long] = parse("server", `82 ff 0000000000010000 01020304 ${"00".repeat(65_536)}`);
    expect(long?.payload.slice(-8)).toBe("01020304");
  });

  itRejects([
    [
      "client rejects 0 in 16 bits",
      "client",
      "82 7e 0000",
      "WS_PAYLOAD_LENGTH_NOT_MINIMAL",
      1002,
      4,
    ],
    [
      "client rejects 125 in 16 bits",
      "client",
      "82 7e 007d",
      "WS_PAYLOAD_LENGTH_NOT_MINIMAL",
      1002,
      4,
    ],
    [
      "server rejects 124 in 16 bits, the RFC's own example, before the key",
      "server",
      `82 fe 007c ${KEY}`,
      "WS_PAYLOAD_LENGTH_NOT_MINIMAL",
      1002,
      4,
    ],
    [
      "client rejects 0 in 64 bits",
      "client",
      "82 7f 0000000000000000",
      "WS_PAYLOAD_LENGTH_NOT_MINIMAL",
      1002,
      10,
    ],
    [
      "client rejects 126 in 64 bits",
      "client",
      "82 7f 000000000000007e",
      "WS_PAYLOAD_LENGTH_NOT_MINIMAL",
      1002,
      10,
    ],
    [
      "server rejects 65,535 in 64 bits before the key",
      "server",
      `82 ff 000000000000ffff ${KEY}`,
      "WS_PAYLOAD_LENGTH_NOT_MINIMAL",
      1002,
      10,
    ],
    [
      "client rejects 64 bits with only the top bit set",
      "client",
      "82 7f 8000000000000000",
      "WS_PAYLOAD_LENGTH_TOO_LARGE",
      1002,
      10,
    ],
    [
      "client rejects 64 bits all set",
      "client",
      "82 7f ffffffffffffffff",
      "WS_PAYLOAD_LENGTH_TOO_LARGE",
      1002,
      10,
    ],
    [
      "server rejects 64 bits with the top bit and a small length",
      "server",
      `82 ff 8000000000000001 ${KEY}`,
      "WS_PAYLOAD_LENGTH_TOO_LARGE",
      1002,
      10,
    ],
    [
      "server rejects 2^53 bytes as too big",
      "server",
      `82 ff 0020000000000000 ${KEY}`,
      "WS_PAYLOAD_LENGTH_TOO_LARGE",
      1009,
      10,
    ],
    [
      "client rejects 2^63 - 1 bytes as too big",
      "client",
      "82 7f 7fffffffffffffff",
      "WS_PAYLOAD_LENGTH_TOO_LARGE",
      1009,
      10,
    ],
  ]);
});

describe("RFC 6455 §5.5 control frames", () => {
  itRejects([
    [
      "server rejects a fragmented close",
      "server",
      `08 80 ${KEY}`,
      "WS_CONTROL_FRAGMENTED",
      1002,
      1,
    ],
    [
      "server rejects a fragmented ping",
      "server",
      `09 80 ${KEY}`,
      "WS_CONTROL_FRAGMENTED",
      1002,
      1,
    ],
    ["client rejects a fragmented pong", "client", "0a 00", "WS_CONTROL_FRAGMENTED", 1002, 1],
    ["client rejects a ping of 126 bytes", "client", "89 7e 007e", "WS_CONTROL_TOO_LONG", 1002, 2],
    [
      "client rejects a pong of 64-bit length",
      "client",
      "8a 7f 00",
      "WS_CONTROL_TOO_LONG",
      1002,
      2,
    ],
    ["server rejects a close of 126 bytes", "server", "88 fe 007e", "WS_CONTROL_TOO_LONG", 1002, 2],
  ]);

  it.each([0x8, 0x9, 0xa])("both roles accept 125 bytes in opcode %i", (opcode) => {
    const payload = "61".repeat(125);
    const first = (0x80 | opcode).toString(16);
    expect(brief(parse("client", `${first} 7d ${payload}`))).toEqual([
      `${opcode.toString(16)}:${payload}`,
    ]);
    expect(parse("server", `${first} fd ${KEY} ${payload}`)[0]).toMatchObject({ length: 125 });
  });

  it("server finds a control frame between fragments", () => {
    const bytes = `01 81 ${KEY} 5f 89 81 ${KEY} 47 80 81 ${KEY} 5e`;
    expect(brief(parse("server", bytes))).toEqual(["1-:68", "9:70", "0:69"]);
  });
});

describe("frames before a fault", () => {
  it("are given, and the faulty one is not begun", () => {
    const { frames, fault } = parseOutcome("client", "82 01 aa 89 00 83 00");
    expect(brief(frames)).toEqual(["2:aa", "9:"]);
    expect(fault).toMatchObject({ code: "WS_OPCODE_UNKNOWN" });
  });
});

describe("FrameParser.push", () => {
  const bytes = hex(`82 83 ${KEY} 36f820 89 80 ${KEY} 82 81 ${KEY} 34`);

  it("gives an empty payload as one empty piece", () => {
    const pieces: Array<[number, number, boolean]> = [];
    const parser = new FrameParser("server", false, {
      onFrame: () => {},
      onPayload: (_chunk, start, end, last) => void pieces.push([start, end, last]),
    });
    parser.push(hex(`81 80 ${KEY}`), 0);
    for (const byte of bytewise(hex(`81 80 ${KEY}`))) parser.push(Buffer.from(byte), 0);
    expect(pieces).toEqual([
      [6, 6, true],
      [1, 1, true],
    ]);
  });

  it("gives the payload as views of the chunk, which it never touches again", () => {
    const views: Buffer[] = [];
    const parser = new FrameParser("server", false, {
      onFrame: () => {},
      onPayload: (chunk, start, end) => void views.push(chunk.subarray(start, end)),
    });
    const chunk = Buffer.from(bytes);
    parser.push(chunk, 0);
    expect(views.map((view) => view.toString("hex"))).toEqual(["010201", "", "03"]);
    expect(views.every((view) => view.buffer === chunk.buffer)).toBe(true);
    parser.push(Buffer.from(bytes), 0);
    expect(views.slice(0, 3).map((view) => view.toString("hex"))).toEqual(["010201", "", "03"]);
  });

  it("starts where it is told", () => {
    const log = new FrameLog();
    expect(new FrameParser("client", false, log).push(hex("ffff 81 01 61"), 2)).toBe(5);
    expect(brief(log.frames)).toEqual(["1:61"]);
  });

  it("does nothing with no bytes", () => {
    const log = new FrameLog();
    const parser = new FrameParser("client", false, log);
    expect(parser.push(Buffer.alloc(0), 0)).toBe(0);
    expect(parser.push(hex("8101"), 2)).toBe(2);
    expect(log.frames).toEqual([]);
  });

  it("returns behind the frame in which stop() was called, and goes on from there", () => {
    for (let stopAt = 0; stopAt < 3; stopAt++) {
      const log = new FrameLog();
      let frames = 0;
      const parser = new FrameParser("server", false, {
        onFrame: (...frame) => log.onFrame(...frame),
        onPayload: (chunk, start, end, last) => {
          log.onPayload(chunk, start, end, last);
          if (frames++ === stopAt) parser.stop();
        },
      });
      const chunk = Buffer.from(bytes);
      const at = parser.push(chunk, 0);
      expect(at).toBe([9, 15, 22][stopAt]);
      expect(log.frames.length).toBe(stopAt + 1);
      expect(parser.push(chunk, at)).toBe(chunk.length);
      expect(brief(log.frames)).toEqual(["2:010201", "9:", "2:03"]);
    }
  });

  it("forgets a stop() that came while it was not running", () => {
    const log = new FrameLog();
    const parser = new FrameParser("client", false, log);
    parser.stop();
    expect(parser.push(hex("89 00 8a 00"), 0)).toBe(4);
  });

  it("lets an error of the sink through", () => {
    const boom = new Error("sink");
    const parser = new FrameParser("client", false, {
      onFrame: () => {
        throw boom;
      },
      onPayload: () => {},
    });
    expect(() => parser.push(hex("89 00"), 0)).toThrow(boom);
  });

  it("unmasks a payload that comes in pieces of every size", () => {
    const payload = Buffer.from(Array.from({ length: 300 }, (_, at) => at & 0xff));
    const key = [0x12, 0x34, 0x56, 0x78];
    const masked = payload.map((byte, at) => byte ^ (key[at % 4] ?? 0));
    const frame = Buffer.concat([hex("82 fe 012c 12345678"), masked]);
    for (let size = 1; size <= frame.length; size++) {
      const log = new FrameLog();
      const parser = new FrameParser("server", false, log);
      for (let at = 0; at < frame.length; at += size) {
        parser.push(Buffer.from(frame.subarray(at, at + size)), 0);
      }
      expect(log.frames[0]?.payload).toBe(payload.toString("hex"));
    }
  });
});
