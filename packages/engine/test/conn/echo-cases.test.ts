/**
 * What the public Autobahn suite asks of an echo, group by group and under its numbers, of each way to write one.
 * Its groups 12 and 13 (compression) and the sizes of 9 are elsewhere: compressed.test.ts, properties.test.ts.
 */
import { hex, memoryDuplexPair, rawFrame, RawPeer } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { openConn, PreparedMessage, type Conn } from "../../src/index.ts";
import { idle } from "./harness.ts";

type Role = "server" | "client";

// ---- what the suite sends ----

interface Frame {
  readonly opcode: number;
  readonly payload?: string | Uint8Array;
  readonly fin?: boolean;
  readonly rsv?: number;
}

const text = (payload: string | Uint8Array, fin = true): Frame => ({ opcode: 1, payload, fin });
const binary = (payload: Uint8Array): Frame => ({ opcode: 2, payload });
const more = (payload: string | Uint8Array, fin: boolean): Frame => ({ opcode: 0, payload, fin });
const ping = (payload: string | Uint8Array = ""): Frame => ({ opcode: 9, payload });
const pong = (payload = ""): Frame => ({ opcode: 10, payload });
const close = (payload = ""): Frame => ({ opcode: 8, payload: hex(payload) });

/** How the frames are cut: each by itself with turns between, all in one chunk, or byte by byte. */
type Cut = "frames" | "one chunk" | "octets";

interface Case {
  readonly id: string;
  readonly send: readonly Frame[];
  /** Echoes and pongs in order; a message as `1:` or `2:` and its payload in hex, a pong as `a:`. */
  readonly answers: readonly string[];
  /** The code of our close frame; without one the suite closes with 1000 and wants that back. */
  readonly closes?: number | "none";
}

function echoOf({ opcode, payload = "" }: Frame): string {
  return `${(opcode === 9 ? 10 : opcode).toString(16)}:${Buffer.from(payload).toString("hex")}`;
}

function whole(frames: readonly Frame[]): string {
  const payload = Buffer.concat(frames.map((frame) => Buffer.from(frame.payload ?? "")));
  return `${frames[0]?.opcode}:${payload.toString("hex")}`;
}

/** A case whose frames are all answered. */
function echoed(id: string, ...send: Frame[]): Case {
  const answers = send.filter(({ opcode }) => opcode !== 10).map(echoOf);
  return { id, send, answers };
}

function fails(
  id: string,
  closes: number,
  send: readonly Frame[],
  answers: readonly string[] = [],
): Case {
  return { id, send, answers, closes };
}

function bytes(length: number): Buffer {
  return Buffer.alloc(length, 0xfe);
}

const FRAGMENTS = [text("fragment1", false), more("fragment2", true)];
const hello = text("Hello, world!");

const CASES: Readonly<Record<string, readonly Case[]>> = {
  "1 framing": [0, 125, 126, 127, 128, 65_535, 65_536].flatMap((size, at) => [
    echoed(`1.1.${at + 1}`, text("*".repeat(size))),
    echoed(`1.2.${at + 1}`, binary(bytes(size))),
  ]),
  "2 pings and pongs": [
    echoed("2.1", ping()),
    echoed("2.2", ping("Hello, world!")),
    echoed("2.3", ping(hex("00fffefdfcfb00ff"))),
    echoed("2.4", ping(bytes(125))),
    fails("2.5", 1002, [ping(bytes(126))]),
    echoed("2.7", pong()),
    echoed("2.8", pong("unsolicited pong payload")),
    echoed("2.9", pong("unsolicited pong payload"), ping("ping payload")),
    echoed("2.10", ...Array.from({ length: 10 }, (_, at) => ping(`payload-${at}`))),
  ],
  "3 reserved bits": [
    fails("3.1", 1002, [{ ...hello, rsv: 1 }]),
    fails("3.2", 1002, [hello, { ...hello, rsv: 2 }, ping()], [echoOf(hello)]),
    fails("3.3", 1002, [hello, { ...hello, rsv: 3 }, ping()], [echoOf(hello)]),
    fails("3.4", 1002, [hello, { ...hello, rsv: 4 }, ping()], [echoOf(hello)]),
    fails("3.5", 1002, [{ ...binary(bytes(8)), rsv: 5 }]),
    fails("3.6", 1002, [{ ...ping("Hello, world!"), rsv: 6 }]),
    fails("3.7", 1002, [{ ...close("03e8"), rsv: 7 }]),
  ],
  "4 opcodes": [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
    fails(`4.x opcode ${opcode}`, 1002, [{ opcode }]),
    fails(`4.x opcode ${opcode} with payload`, 1002, [{ opcode, payload: "reserved opcode" }]),
    fails(`4.x opcode ${opcode} behind text`, 1002, [hello, { opcode }, ping()], [echoOf(hello)]),
  ]),
  "5 fragmentation": [
    fails("5.1", 1002, [{ ...ping("fragment1"), fin: false }, more("fragment2", true)]),
    fails("5.2", 1002, [{ ...pong("fragment1"), fin: false }, more("fragment2", true)]),
    { id: "5.3", send: FRAGMENTS, answers: [whole(FRAGMENTS)] },
    {
      id: "5.6",
      send: [text("fragment1", false), ping("ping payload"), more("fragment2", true)],
      answers: [echoOf(ping("ping payload")), whole(FRAGMENTS)],
    },
    fails("5.9", 1002, [more("non-continuation payload", true), hello]),
    fails("5.12", 1002, [more("non-continuation payload", false), hello]),
    fails(
      "5.15",
      1002,
      [...FRAGMENTS, more("fragment3", false), text("fragment4")],
      [whole(FRAGMENTS)],
    ),
    fails("5.16", 1002, [
      more("fragment1", false),
      text("fragment2", false),
      more("fragment3", true),
    ]),
    fails("5.17", 1002, [
      more("fragment1", true),
      text("fragment2", false),
      more("fragment3", true),
    ]),
    fails("5.18", 1002, [text("fragment1", false), text("fragment2")]),
    {
      id: "5.19",
      send: [
        text("fragment1", false),
        more("fragment2", false),
        ping("pongme 1!"),
        more("fragment3", false),
        more("fragment4", false),
        ping("pongme 2!"),
        more("fragment5", true),
      ],
      answers: [
        echoOf(ping("pongme 1!")),
        echoOf(ping("pongme 2!")),
        echoOf(text("fragment1fragment2fragment3fragment4fragment5")),
      ],
    },
  ],
  "6 UTF-8": [
    { id: "6.1.2", send: [text("", false), more("", false), more("", true)], answers: ["1:"] },
    {
      id: "6.1.3",
      send: [text("", false), more("middle frame payload", false), more("", true)],
      answers: [echoOf(text("middle frame payload"))],
    },
    echoed("6.2.1", text("Hello-µ@ßöäüàá-UTF-8!!")),
    {
      id: "6.2.3",
      send: [...Buffer.from("Hello-µ@ßöä")].map((byte, at, all) => ({
        opcode: at === 0 ? 1 : 0,
        payload: Uint8Array.of(byte),
        fin: at === all.length - 1,
      })),
      answers: [echoOf(text("Hello-µ@ßöä"))],
    },
    fails("6.3.1", 1007, [text(hex("cebae1bdb9cf83cebcceb5 eda080 656469746564"))]),
    fails("6.4.1", 1007, [
      text(hex("cebae1bdb9cf83cebcceb5"), false),
      more(hex("f4908080"), false),
      more(hex("656469746564"), true),
    ]),
    fails("6.4.2", 1007, [text(hex("cebae1bdb9cf83cebcceb5 f4"), false), more(hex("90"), false)]),
    ...[
      "00",
      "c280",
      "e0a080",
      "f0908080",
      "7f",
      "dfbf",
      "efbfbf",
      "f48fbfbf",
      "ed9fbf",
      "ee8080",
      "efbfbd",
    ].map((valid) => echoed(`6.x ${valid}`, text(hex(valid)))),
    ...[
      "f490",
      "80",
      "bf",
      "c0af",
      "e080af",
      "f08080af",
      "c1bf",
      "e09fbf",
      "eda080",
      "edbfbf",
      "fe",
      "ff",
      "c3",
    ].map((invalid) => fails(`6.x ${invalid}`, 1007, [text(hex(invalid))])),
  ],
  "7 closing": [
    { id: "7.1.1", send: [hello, close("03e8")], answers: [echoOf(hello)], closes: 1000 },
    { id: "7.1.2", send: [close("03e8"), close("03e8")], answers: [], closes: 1000 },
    { id: "7.1.3", send: [close("03e8"), ping()], answers: [], closes: 1000 },
    { id: "7.1.4", send: [close("03e8"), hello], answers: [], closes: 1000 },
    {
      id: "7.1.5",
      send: [text("fragment1", false), close("03e8"), more("fragment2", true)],
      answers: [],
      closes: 1000,
    },
    { id: "7.3.1", send: [close()], answers: [], closes: "none" },
    fails("7.3.2", 1002, [close("61")]),
    { id: "7.3.3", send: [close("03e8")], answers: [], closes: 1000 },
    { id: "7.3.4", send: [close(`03e8 ${"2a".repeat(10)}`)], answers: [], closes: 1000 },
    { id: "7.3.5", send: [close(`03e8 ${"2a".repeat(123)}`)], answers: [], closes: 1000 },
    fails("7.3.6", 1002, [close(`03e8 ${"2a".repeat(124)}`)]),
    fails("7.5.1", 1007, [close("03e8 cebae1bdb9cf83cebcceb5 eda080 656469746564")]),
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map(
      (code) => ({
        id: `7.7.x ${code}`,
        send: [close(code.toString(16).padStart(4, "0"))],
        answers: [],
        closes: code,
      }),
    ),
    ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535].map((code) =>
      fails(`7.9.x ${code}`, 1002, [close(code.toString(16).padStart(4, "0"))]),
    ),
  ],
  "10 a message in fragments of 1,300 bytes": [
    {
      id: "10.1.1",
      send: Array.from({ length: 51 }, (_, at) => ({
        opcode: at === 0 ? 1 : 0,
        payload: "*".repeat(at === 50 ? 536 : 1300),
        fin: at === 50,
      })),
      answers: [echoOf(text("*".repeat(65_536)))],
    },
  ],
};

// ---- the ways to write an echo ----

const ECHOES: ReadonlyArray<readonly [string, (conn: Conn) => Promise<unknown>]> = [
  [
    "readMessage",
    async (conn) => {
      for (;;) {
        const message = await conn.readMessage();
        await conn.writeMessage(message.type, message.data);
      }
    },
  ],
  [
    "nextReader",
    async (conn) => {
      for (;;) {
        const reader = await conn.nextReader();
        const writer = await conn.nextWriter(reader.type);
        for await (const piece of reader) await writer.write(piece);
        await writer.close();
      }
    },
  ],
  ["forEach", (conn) => conn.forEach((message) => conn.writeMessage(message.type, message.data))],
  [
    "forEach with reuseMemory",
    (conn) =>
      conn.forEach((message) => conn.writeMessage(message.type, message.data), {
        reuseMemory: true,
      }),
  ],
  [
    "a prepared message",
    async (conn) => {
      for await (const message of conn) {
        await conn.writePreparedMessage(new PreparedMessage(message.type, message.data));
      }
    },
  ],
];

function wire(role: Role, { opcode, payload = "", fin = true, rsv = 0 }: Frame): Buffer {
  const init = { opcode, payload, fin, rsv };
  return rawFrame(role === "server" ? init : { ...init, mask: false });
}

function chunks(role: Role, frames: readonly Frame[], cut: Cut): Buffer[] {
  const all = frames.map((frame) => wire(role, frame));
  if (cut === "frames") return all;
  const joined = Buffer.concat(all);
  return cut === "one chunk" ? [joined] : Array.from(joined, (byte) => Buffer.of(byte));
}

/** What comes back: messages with their fragments joined, pongs, then the close frame. */
async function answersOf(peer: RawPeer): Promise<{ answers: string[]; closes: number | "none" }> {
  const answers: string[] = [];
  let message: Frame[] = [];
  for (;;) {
    const frame = await peer.readFrame();
    if (frame.opcode === 8) {
      const { payload } = frame;
      return { answers, closes: payload.length === 0 ? "none" : payload.readUInt16BE(0) };
    }
    if (frame.opcode === 10) answers.push(`a:${frame.payload.toString("hex")}`);
    else {
      message.push(frame);
      if (!frame.fin) continue;
      answers.push(whole(message));
      message = [];
    }
  }
}

async function run(role: Role, echo: (conn: Conn) => Promise<unknown>, test: Case, cut: Cut) {
  const [one, other] = memoryDuplexPair();
  const conn = openConn(one, Buffer.alloc(0), {
    role,
    options: { heartbeat: false },
    subprotocol: "",
    extensions: "",
  });
  const peer = new RawPeer(other);
  const echoing = echo(conn).catch(() => {});
  for (const chunk of chunks(role, test.send, cut)) {
    peer.send(chunk);
    if (cut === "frames") await idle(2);
  }
  if (test.closes === undefined) {
    await idle(4);
    peer.send(wire(role, close("03e8")));
  }
  const found = await answersOf(peer);
  peer.end();
  await conn.closed;
  await echoing;
  return found;
}

describe.each(ECHOES)("an echo by %s", (_name, echo) => {
  describe.each<Role>(["server", "client"])("as %s", (role) => {
    it.each(Object.entries(CASES))("passes group %s", async (_group, cases) => {
      const wrong: unknown[] = [];
      for (const test of cases) {
        const size = test.send.reduce((sum, { payload = "" }) => sum + payload.length, 0);
        for (const cut of ["frames", "one chunk", "octets"] as const) {
          if (cut === "octets" && size > 1000) continue;
          const found = await run(role, echo, test, cut);
          const expected = { answers: test.answers, closes: test.closes ?? 1000 };
          if (JSON.stringify(found) !== JSON.stringify(expected))
            wrong.push({ id: test.id, cut, found, expected });
        }
      }
      expect(wrong).toEqual([]);
    });
  });
});
