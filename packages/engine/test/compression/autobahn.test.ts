/** What the groups 12 and 13 of the Autobahn suite ask: sizes, fragments and parameters, echoed byte for byte. */
import { describe, expect, it } from "vitest";
import { resolveCompression } from "../../src/extensions/compression-options.ts";
import { acceptOffer, type NegotiatedDeflate } from "../../src/extensions/deflate-offer.ts";
import { parseExtensions } from "../../src/extensions/extension-header.ts";
import { CompressedConn } from "./compressed-conn.ts";
import { Seeded } from "./sample-text.ts";

const MOST_BYTES = 131_072;
const MESSAGES_A_CASE = 6;

/** Message size and longest frame in bytes. */
const SIZES: ReadonlyArray<readonly [number, number]> = [
  ...[16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072].map(
    (size) => [size, Infinity] as const,
  ),
  ...[8192, 16_384, 32_768, 65_536, 131_072].map((size) => [size, 256] as const),
  ...[1024, 4096, 32_768].map((fragmentBytes) => [MOST_BYTES, fragmentBytes] as const),
];

const random = new Seeded(61);

function repeat(text: () => string): Buffer {
  let all = "";
  while (all.length < MOST_BYTES) all += text();
  return Buffer.from(all);
}

/** Stand-ins for its five files. */
const FILES: ReadonlyArray<readonly [string, 1 | 2, Buffer]> = [
  ["JSON", 1, random.json(MOST_BYTES)],
  [
    "a bitmap",
    2,
    Buffer.from(Array.from({ length: MOST_BYTES }, (_, at) => (at >> 5) + random.below(4))),
  ],
  [
    "a play in German",
    1,
    repeat(
      () =>
        `Habe nun, ach! Philosophie, ${random.word()} und ${random.word()}, Juristerei und Medizin, und leider auch Theologie durchaus ${random.word()} studiert, mit heißem Bemühn.\n`,
    ),
  ],
  [
    "a page of HTML",
    1,
    repeat(
      () =>
        `<li class="item-${random.below(40)}"><a href="/${random.word()}/${random.below(999)}">${random.word()}</a></li>\n`,
    ),
  ],
  ["a PDF", 2, Buffer.concat([Buffer.from("%PDF-1.4\n"), random.noise(MOST_BYTES)])],
];

/** The first bytes of a file, not inside a character. */
function cut(file: Buffer, opcode: 1 | 2, bytes: number): Buffer {
  let end = Math.min(bytes, file.length);
  if (opcode === 1) while (((file[end] ?? 0) & 0xc0) === 0x80) end--;
  return file.subarray(0, end);
}

/** Has a message echoed a few times; tells how often it came back as it was, in one frame. */
async function echoes(
  pair: CompressedConn,
  message: Buffer,
  opcode: 1 | 2,
  fragmentBytes: number,
): Promise<number> {
  let right = 0;
  for (let count = 0; count < MESSAGES_A_CASE; count++) {
    await pair.send(message, { opcode, fragmentBytes });
    const echo = await pair.read();
    if (echo.opcode === opcode && echo.frames.length === 1 && echo.data.equals(message)) right++;
  }
  return right;
}

function echoServer(negotiated: NegotiatedDeflate, threshold = 0): CompressedConn {
  const pair = new CompressedConn({ negotiated, compression: { threshold } });
  void pair.conn.forEach((message) => pair.conn.writeMessage(message.type, message.data));
  return pair;
}

/** What the server agrees to. */
function negotiate(offer: string): { response: string; deflate: NegotiatedDeflate } {
  const options = resolveCompression(true);
  const accepted = options && acceptOffer(parseExtensions([offer]).extensions, options);
  if (accepted === undefined) throw new Error(`expected ${offer} to be accepted`);
  return accepted;
}

describe.each(FILES)("12: %s", (_name, opcode, file) => {
  it.each(SIZES)("%i bytes in frames of at most %s", async (size, fragmentBytes) => {
    const { deflate } = negotiate("permessage-deflate; client_max_window_bits");
    const message = cut(file, opcode, size);
    expect(await echoes(echoServer(deflate), message, opcode, fragmentBytes)).toBe(MESSAGES_A_CASE);
  });
});

describe.each([
  ["permessage-deflate", "permessage-deflate; client_no_context_takeover"],
  [
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
  ],
  [
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits",
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits=12",
  ],
  [
    "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
    "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
  ],
  [
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
  ],
  [
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=15; client_no_context_takeover; client_max_window_bits=8",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=8",
  ],
  [
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=7, permessage-deflate; unknown, permessage-deflate; server_max_window_bits=8; client_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9",
  ],
])("13: %s", (offer, response) => {
  it("is answered", () => {
    expect(negotiate(offer).response).toBe(response);
  });

  it.each(SIZES)("%i bytes in frames of at most %s", async (size, fragmentBytes) => {
    const [, opcode, file] = FILES[size % 2] ?? FILES[0]!; // there are five
    const { deflate } = negotiate(offer);
    const message = cut(file, opcode, size);
    expect(await echoes(echoServer(deflate), message, opcode, fragmentBytes)).toBe(MESSAGES_A_CASE);
  });
});
