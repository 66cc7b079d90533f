/** Compressed messages on a connection: every way to write and read, in order, with both windows in step. */
import {
  memoryDuplexPair,
  RawPeer,
  rawFrame,
  readRawFrame,
  within,
  type RawFrame,
} from "@longwire/testkit";
import fc from "fast-check";
import {
  constants,
  createInflateRaw,
  deflateRawSync,
  inflateRawSync,
  type InflateRaw,
} from "node:zlib";
import { describe, expect, it } from "vitest";
import { resolveCompression } from "../../src/extensions/compression-options.ts";
import type { NegotiatedDeflate } from "../../src/extensions/deflate-offer.ts";
import { openConn, PreparedMessage, type Conn, type ConnOptions } from "../../src/index.ts";
import { idle, rejectionOf, stateOf } from "./harness.ts";

const TAKEOVER: NegotiatedDeflate = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 12,
  clientMaxWindowBits: 12,
};

function open(
  socket: Parameters<typeof openConn>[0],
  role: "server" | "client",
  negotiated: NegotiatedDeflate,
  options: ConnOptions = {},
): Conn {
  const compression = resolveCompression(true);
  if (compression === undefined) throw new Error("compression is off");
  return openConn(socket, Buffer.alloc(0), {
    role,
    options: { heartbeat: false, ...options },
    subprotocol: "",
    extensions: "permessage-deflate",
    deflate: { negotiated, options: compression },
  });
}

function deflatePair(
  negotiated: NegotiatedDeflate = TAKEOVER,
  options: ConnOptions = {},
): { server: Conn; client: Conn } {
  const [one, other] = memoryDuplexPair();
  return {
    server: open(one, "server", negotiated, options),
    client: open(other, "client", negotiated, options),
  };
}

/** A server that compresses, and a raw peer that sees and sends the bytes. */
function deflateAndRawPeer(options: ConnOptions = {}): { conn: Conn; peer: RawPeer } {
  const [one, other] = memoryDuplexPair();
  return { conn: open(one, "server", TAKEOVER, options), peer: new RawPeer(other) };
}

/** Text that compresses, different for each seed. */
function json(seed: number, length: number): string {
  let text = "";
  for (let at = 0; text.length < length; at++)
    text += `{"id":${seed * 1000 + at},"name":"user ${at % 7}"},`;
  return text.slice(0, length);
}

/** Bytes that don't compress, the same for the same seed. */
function noise(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed * 2_654_435_761 + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

/** Inflates what one connection sends, as any other implementation would: with one zlib stream for all of it. */
class ZlibPeer {
  readonly #inflate: InflateRaw = createInflateRaw();

  async read(payload: Uint8Array): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const take = (piece: Buffer): void => void pieces.push(piece);
    this.#inflate.on("data", take);
    this.#inflate.write(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]));
    await new Promise<void>((resolve) =>
      this.#inflate.flush(constants.Z_SYNC_FLUSH, () => resolve()),
    );
    this.#inflate.off("data", take);
    return Buffer.concat(pieces);
  }
}

/** The payload of a compressed message, RFC 7692 §7.2.1, without memory of earlier ones. */
function deflated(bytes: string | Uint8Array): Buffer {
  const options = { windowBits: 12, finishFlush: constants.Z_SYNC_FLUSH };
  return deflateRawSync(bytes, options).subarray(0, -4);
}

function compressedFrame(payload: Uint8Array, opcode = 1, fin = true): Buffer {
  return rawFrame({ opcode, rsv: opcode === 0 ? 0 : 4, payload, fin });
}

const WRITES: ReadonlyArray<readonly [string, (conn: Conn, bytes: Buffer) => Promise<unknown>]> = [
  ["writeMessage", (conn, bytes) => conn.writeMessage(2, bytes)],
  ["writeMessage of text", (conn, bytes) => conn.writeMessage(1, bytes.toString("latin1"))],
  ["send", async (conn, bytes) => conn.send(bytes)],
  [
    "writePreparedMessage",
    (conn, bytes) => conn.writePreparedMessage(new PreparedMessage(2, bytes)),
  ],
  ["plain writeMessage", (conn, bytes) => conn.writeMessage(2, bytes, { compress: false })],
  [
    "nextWriter",
    async (conn, bytes) => {
      const writer = await conn.nextWriter(2);
      void writer.write(bytes.subarray(0, bytes.length >> 1));
      void writer.flush();
      void writer.write(bytes.subarray(bytes.length >> 1));
      return writer.close();
    },
  ],
];

const READS: ReadonlyArray<readonly [string, (conn: Conn) => Promise<Buffer>]> = [
  ["readMessage", async (conn) => (await conn.readMessage()).data],
  ["nextReader", async (conn) => (await conn.nextReader()).readAll()],
  [
    "iteration",
    async (conn) => (await conn[Symbol.asyncIterator]().next()).value?.data ?? Buffer.alloc(0),
  ],
];

const SIZES = [0, 1, 255, 256, 257, 5000, 16_384, 16_385, 70_000, 300_000];

/** What arrives as `text()`'s latin1 twin for a text, as it is for binary. */
function received(how: string, bytes: Buffer): Buffer {
  return how === "writeMessage of text" ? Buffer.from(bytes.toString("latin1")) : bytes;
}

describe.each(WRITES)("%s with compression", (how, write) => {
  it.each(READS)("is read by %s, whatever its size and content", async (_reader, read) => {
    const { server, client } = deflatePair();
    for (const [from, to] of [
      [server, client],
      [client, server],
    ] as const) {
      for (const size of SIZES) {
        for (const bytes of [Buffer.from(json(size, size)), noise(size, size)]) {
          const reading = read(to);
          const writing = write(from, bytes);
          const got = await within(reading, `${how} of ${size} bytes`);
          expect(got.equals(received(how, bytes)), `${size} bytes`).toBe(true);
          await writing;
        }
      }
    }
    server.terminate();
  });
});

describe("any sequence of messages", () => {
  const bits = fc.constantFrom(9, 10, 12, 15);
  const negotiated: fc.Arbitrary<NegotiatedDeflate> = fc.record({
    serverNoContextTakeover: fc.boolean(),
    clientNoContextTakeover: fc.boolean(),
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
  });
  const message = fc.record({
    write: fc.nat(WRITES.length - 1),
    size: fc.constantFrom(0, 10, 255, 256, 1000, 5000, 20_000, 100_000, 300_000),
    noisy: fc.boolean(),
  });
  const messages = fc.array(message, { minLength: 1, maxLength: 10 });
  const ways = fc.array(fc.nat(READS.length - 1), { minLength: 1, maxLength: 4 });

  it("arrives whole and in order, both ways at once", async () => {
    await fc.assert(
      fc.asyncProperty(
        negotiated,
        messages,
        messages,
        ways,
        async (terms, ours, theirs, readers) => {
          const { server, client } = deflatePair(terms);
          const run = async (from: Conn, to: Conn, list: typeof ours): Promise<string[]> => {
            const sent = list.map(({ size, noisy }, at) =>
              noisy ? noise(at, size) : Buffer.from(json(at, size)),
            );
            const wrong: string[] = [];
            const reading = (async () => {
              for (const [at, { write, size }] of list.entries()) {
                const read = READS[readers[at % readers.length] ?? 0];
                const how = WRITES[write];
                if (read === undefined || how === undefined) throw new Error("bounds");
                const got = await within(read[1](to), `message ${at} (${how[0]}, ${size} bytes)`);
                const expected = received(how[0], sent[at] ?? Buffer.alloc(0));
                if (!got.equals(expected))
                  wrong.push(`${at}: ${how[0]} of ${size} read by ${read[0]}`);
              }
            })();
            const writing = list.map(({ write }, at) =>
              WRITES[write]?.[1](from, sent[at] ?? Buffer.alloc(0)),
            );
            await Promise.all([reading, ...writing]);
            return wrong;
          };
          const wrong = await Promise.all([run(server, client, ours), run(client, server, theirs)]);
          expect(wrong.flat()).toEqual([]);
          server.terminate();
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("on the wire", () => {
  it("an independent inflater with one window for all messages reads them", async () => {
    const { conn, peer } = deflateAndRawPeer();
    const inflater = new ZlibPeer();
    const ratios: number[] = [];
    for (const [at, size] of [300, 5000, 100, 400, 70_000, 256, 300_000, 1000].entries()) {
      const text = json(at, size);
      const written =
        at % 3 === 2
          ? conn.writePreparedMessage(new PreparedMessage(1, text))
          : conn.writeMessage(1, text);
      const frame = await peer.readFrame();
      await written;
      expect(frame).toMatchObject({ opcode: 1, fin: true, rsv: size < 256 ? 0 : 4 });
      const payload = frame.rsv === 0 ? frame.payload : await inflater.read(frame.payload);
      expect(payload.toString()).toBe(text);
      if (size >= 1000) ratios.push(frame.payload.length / size);
    }
    expect(Math.max(...ratios)).toBeLessThan(0.33);
    conn.terminate();
  });

  it("messages in pieces are fragments with RSV1 on the first only", async () => {
    const { conn, peer } = deflateAndRawPeer({ writeBufferSize: 100 });
    const writer = await conn.nextWriter(1);
    const frames: RawFrame[] = [];
    for (let at = 0; at < 3; at++) {
      await writer.write(json(at, 2000));
      await writer.flush();
    }
    await writer.close();
    do frames.push(await peer.readFrame());
    while (frames.at(-1)?.fin === false);
    expect(frames.map(({ opcode, rsv }) => [opcode, rsv]).slice(0, 2)).toEqual([
      [1, 4],
      [0, 0],
    ]);
    const whole = Buffer.concat(frames.map(({ payload }) => payload));
    expect((await new ZlibPeer().read(whole)).toString()).toBe(
      json(0, 2000) + json(1, 2000) + json(2, 2000),
    );
    conn.terminate();
  });

  it("what is flushed can be inflated before the message ends", async () => {
    const { conn, peer } = deflateAndRawPeer();
    const writer = await conn.nextWriter(1);
    await writer.write(json(1, 3000));
    await writer.flush();
    const { payload } = await peer.readFrame();
    const inflated = inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
    expect(json(1, 3000).startsWith(inflated.toString())).toBe(true);
    expect(inflated.length).toBeGreaterThan(2500);
    await writer.close();
    conn.terminate();
  });

  it("enableWriteCompression and setCompressionLevel count from the next message on", async () => {
    const { conn, peer } = deflateAndRawPeer();
    const text = json(1, 5000);
    conn.enableWriteCompression(false);
    conn.send(text);
    expect((await peer.readFrame()).rsv).toBe(0);
    conn.enableWriteCompression(true);
    conn.setCompressionLevel(9);
    conn.send(text);
    const frame = await peer.readFrame();
    expect(frame.rsv).toBe(4);
    expect(inflateRawSync(frame.payload, { finishFlush: constants.Z_SYNC_FLUSH }).toString()).toBe(
      text,
    );
    for (const level of [-3, 10, 1.5, Number.NaN]) {
      expect(() => conn.setCompressionLevel(level)).toThrow(RangeError);
    }
    conn.terminate();
  });

  it("control frames pass a long message that is being compressed, never inside its frame", async () => {
    const { conn, peer } = deflateAndRawPeer();
    const text = json(1, 2_000_000);
    const written = conn.writeMessage(1, text);
    void conn.writeMessage(1, "next");
    peer.send(rawFrame({ opcode: 9, payload: "now" }));
    const frames = [await peer.readFrame(), await peer.readFrame(), await peer.readFrame()];
    await written;
    const texts = frames.filter(({ opcode }) => opcode === 1);
    expect(
      frames.some(({ opcode, payload }) => opcode === 10 && payload.toString() === "now"),
    ).toBe(true);
    expect(await new ZlibPeer().read(texts[0]?.payload ?? Buffer.alloc(0))).toHaveLength(
      text.length,
    );
    expect(texts[1]?.payload.toString()).toBe("next");
    conn.terminate();
  });
});

describe("reading compressed messages in pieces", () => {
  it("gives pieces before the message is complete", async () => {
    const { conn, peer } = deflateAndRawPeer();
    const payload = deflated(json(1, 200_000));
    const half = payload.length >> 1;
    const reading = conn.nextReader();
    peer.send(compressedFrame(payload.subarray(0, half), 1, false));
    const reader = await reading;
    const first = await within(reader.next(), "a first piece");
    expect(json(1, 200_000).startsWith(first.value?.toString() ?? "-")).toBe(true);
    peer.send(compressedFrame(payload.subarray(half), 0));
    expect((first.value?.length ?? 0) + (await reader.readAll()).length).toBe(200_000);
    conn.terminate();
  });

  it("keeps the window in step when the rest is discarded", async () => {
    const { server, client } = deflatePair();
    for (let round = 0; round < 5; round++) {
      void client.writeMessage(1, json(round, 100_000));
      void client.writeMessage(1, json(round, 5000));
      const reader = await server.nextReader();
      if (round % 2 === 0) await reader.next();
      if (round % 3 === 0) await reader.return();
      expect((await server.readMessage()).text()).toBe(json(round, 5000));
    }
    server.terminate();
  });

  it("holds the read limit of the inflated bytes, before they are inflated", async () => {
    const { conn, peer } = deflateAndRawPeer({ readLimit: 100_000 });
    const reading = conn.nextReader();
    peer.send(compressedFrame(deflated(Buffer.alloc(50_000_000)), 2));
    const reader = await reading;
    expect(await rejectionOf(reader.readAll())).toMatchObject({ code: "WS_READ_LIMIT" });
    expect((await peer.readClose()).code).toBe(1009);
  });

  it("checks text as it is inflated", async () => {
    const { conn, peer } = deflateAndRawPeer();
    const reading = conn.nextReader();
    peer.send(
      compressedFrame(deflated(Buffer.concat([Buffer.from(json(1, 1000)), Buffer.of(0xff)]))),
    );
    expect(await rejectionOf((await reading).readAll())).toMatchObject({ code: "WS_UTF8_INVALID" });
    expect((await peer.readClose()).code).toBe(1007);
  });

  it("takes data that does not inflate for a violation", async () => {
    const { conn, peer } = deflateAndRawPeer();
    const reading = conn.nextReader();
    peer.send(compressedFrame(Buffer.alloc(100, 0xff), 2));
    expect(await rejectionOf((await reading).readAll())).toMatchObject({
      code: "WS_DEFLATE_INVALID",
    });
    expect((await peer.readClose()).code).toBe(1007);
  });
});

describe("compressed messages that are wrong", () => {
  it.each([
    ["noise", Buffer.alloc(50, 0xff)],
    ["a truncated block", deflated(json(1, 5000)).subarray(0, 30)],
    ["a reference before the window", Buffer.from("4a4c4c04c200", "hex").fill(0xfe, 2)],
  ])("%s: 1007", async (_what, payload) => {
    const { conn, peer } = deflateAndRawPeer();
    peer.send(compressedFrame(payload, 2));
    expect(await rejectionOf(conn.readMessage())).toMatchObject({
      name: "ProtocolError",
      closeCode: 1007,
      code: "WS_DEFLATE_INVALID",
    });
    expect((await peer.readClose()).code).toBe(1007);
  });

  it("text that is not UTF-8 after inflating: 1007", async () => {
    const { conn, peer } = deflateAndRawPeer();
    peer.send(compressedFrame(deflated(Buffer.of(0x61, 0xc3))));
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: "WS_UTF8_INVALID" });
    expect((await peer.readClose()).code).toBe(1007);
  });

  it("no payload at all is the empty message", async () => {
    const { conn, peer } = deflateAndRawPeer();
    peer.send(compressedFrame(Buffer.alloc(0)));
    expect((await conn.readMessage()).text()).toBe("");
    conn.terminate();
  });
});

describe("messages that do not get to the reader", () => {
  it("dropped for want of one keep the window in step", async () => {
    const { runHandler } = await import("../../src/index.ts");
    const { server, client } = deflatePair(TAKEOVER, { readQueueMessages: 2 });
    runHandler(
      server,
      () => {},
      () => {},
    );
    for (let at = 0; at < 20; at++) await client.writeMessage(1, json(at, 3000));
    await idle(20);
    expect((await server.readMessage()).text()).toBe(json(0, 3000));
    expect((await server.readMessage()).text()).toBe(json(1, 3000));
    void client.writeMessage(1, json(99, 3000));
    const next = await server.readMessage();
    expect([next.text(), next.dropped]).toEqual([json(99, 3000), 18]);
    server.terminate();
  });

  it("withdrawn before they start never enter the window", async () => {
    const { conn, peer } = deflateAndRawPeer();
    peer.stopReading();
    conn.send(noise(1, 300_000));
    await idle();
    const controller = new AbortController();
    const withdrawn = [300, 20_000, 500_000].map((size) =>
      conn.writeMessage(1, json(size, size), { signal: controller.signal }),
    );
    const kept = conn.writeMessage(1, json(7, 5000));
    controller.abort("unwanted");
    for (const write of withdrawn) expect(await rejectionOf(write)).toBe("unwanted");
    peer.resumeReading();
    const inflater = new ZlibPeer();
    const first = await peer.readFrame();
    if (first.rsv !== 0) await inflater.read(first.payload);
    const second = await peer.readFrame();
    await kept;
    expect((await inflater.read(second.payload)).toString()).toBe(json(7, 5000));
    conn.terminate();
  });
});

describe("the end while a message is being compressed", () => {
  it.each([
    ["close()", (conn: Conn) => void conn.close()],
    ["terminate()", (conn: Conn) => conn.terminate()],
  ])("by %s: every promise settles", async (_how, end) => {
    const { conn, peer } = deflateAndRawPeer({ closeTimeout: 50 });
    const writes = [
      conn.writeMessage(1, json(1, 3_000_000)),
      conn.writeMessage(1, json(2, 3_000_000)),
      conn.drained(),
    ];
    await idle(1);
    end(conn);
    await within(conn.closed, "the end");
    for (const write of writes) expect(await stateOf(write)).not.toBe("pending");
    peer[Symbol.dispose]();
  });

  it("by close(): the messages written before go out whole", async () => {
    const { conn, peer } = deflateAndRawPeer();
    void conn.writeMessage(1, json(1, 1_000_000));
    void conn.writeMessage(1, json(2, 1000));
    void conn.close();
    const inflater = new ZlibPeer();
    expect((await inflater.read((await peer.readFrame()).payload)).toString()).toBe(
      json(1, 1_000_000),
    );
    expect((await inflater.read((await peer.readFrame()).payload)).toString()).toBe(json(2, 1000));
    expect((await peer.readFrame()).opcode).toBe(8);
    expect(readRawFrame(peer.unread)).toBeUndefined();
  });
});
