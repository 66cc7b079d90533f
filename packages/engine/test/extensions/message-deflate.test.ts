/** permessage-deflate on one connection: what is compressed, with which window, and what the other side can read. */
import { describe, expect, it } from "vitest";
import {
  resolveCompression,
  type CompressionOptions,
} from "../../src/extensions/compression-options.ts";
import { publicCodec, type DeflateSettings } from "../../src/extensions/deflate-codec.ts";
import type { NegotiatedDeflate } from "../../src/extensions/deflate-offer.ts";
import { MessageDeflate } from "../../src/extensions/message-deflate.ts";
import { Seeded } from "../compression/sample-text.ts";

const NEGOTIATED: NegotiatedDeflate = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 12,
  clientMaxWindowBits: 10,
};

/** Both ends of one connection, and what the codec was asked for. */
function pair(
  negotiated: Partial<NegotiatedDeflate> = {},
  options: CompressionOptions = {},
): { server: MessageDeflate; client: MessageDeflate; asked: DeflateSettings[] } {
  const asked: DeflateSettings[] = [];
  const codec: typeof publicCodec = {
    deflate: (bytes, settings) => {
      const { dictionary } = settings;
      asked.push({ ...settings, dictionary: dictionary && Buffer.from(dictionary) });
      return publicCodec.deflate(bytes, settings);
    },
    inflate: (payload, settings) => publicCodec.inflate(payload, settings),
  };
  const resolved = resolveCompression({ ...options });
  if (resolved === undefined) throw new Error("expected compression to be on");
  const end = (role: "server" | "client"): MessageDeflate =>
    new MessageDeflate(role, { ...NEGOTIATED, ...negotiated }, resolved, codec);
  return { server: end("server"), client: end("client"), asked };
}

const random = new Seeded(29);
const MESSAGE = random.json(800);

describe("MessageDeflate", () => {
  it("each end inflates what the other deflates, message after message", () => {
    const { server, client } = pair();
    for (let count = 0; count < 100; count++) {
      const message = random.message(6000);
      expect(client.inflate(server.deflate(message), 1e6)?.equals(message)).toBe(true);
      expect(server.inflate(client.deflate(message), 1e6)?.equals(message)).toBe(true);
    }
  });

  it("uses the window of its direction", () => {
    const { server, client, asked } = pair();
    server.deflate(MESSAGE);
    client.deflate(MESSAGE);
    expect(asked.map(({ windowBits }) => windowBits)).toEqual([12, 10]);
  });

  it("takes over the context: the last 2^bits bytes of earlier messages", () => {
    const { client, asked } = pair();
    const sent: Buffer[] = [];
    for (let count = 0; count < 5; count++) {
      const before = Buffer.concat(sent).subarray(-1024);
      client.deflate(MESSAGE);
      expect(asked.at(-1)?.dictionary ?? Buffer.alloc(0)).toEqual(before);
      sent.push(MESSAGE);
    }
  });

  it("without context takeover each message is compressed on its own", () => {
    const { server, client, asked } = pair({ serverNoContextTakeover: true });
    for (let count = 0; count < 3; count++) {
      expect(client.inflate(server.deflate(MESSAGE), 1e6)?.equals(MESSAGE)).toBe(true);
      expect(asked.at(-1)?.dictionary).toBeUndefined();
    }
    expect(server.incomingDictionary).toBeUndefined();
  });

  it("compresses from the threshold on, while it is enabled", () => {
    const { server } = pair({}, { threshold: 100 });
    expect([99, 100].map((length) => server.applies(length))).toEqual([false, true]);
    server.enabled = false;
    expect(server.applies(100)).toBe(false);
    expect(pair({}, { threshold: 0 }).server.applies(0)).toBe(true);
    expect(pair({}, { threshold: Infinity }).server.applies(1e9)).toBe(false);
  });

  it("the level may change from message to message", () => {
    const { server, client, asked } = pair({}, { level: 3, memLevel: 7 });
    for (const level of [3, 9, 0, -2]) {
      server.level = level;
      expect(client.inflate(server.deflate(MESSAGE), 1e6)?.equals(MESSAGE)).toBe(true);
    }
    expect(asked.map(({ level }) => level)).toEqual([3, 9, 0, -2]);
    expect(asked.every(({ memLevel }) => memLevel === 7)).toBe(true);
  });

  it("an empty message is one byte, and so is the end of one in pieces", () => {
    const { server, client } = pair();
    expect(server.deflate(Buffer.alloc(0)).toString("hex")).toBe("00");
    expect(server.deflateShared(Buffer.alloc(0)).toString("hex")).toBe("00");
    expect(client.inflate(Buffer.of(0), 1e6)?.length).toBe(0);
    const pieces = server.deflatePieces();
    const payload = Buffer.concat([
      pieces.deflate(MESSAGE, false),
      pieces.deflate(Buffer.alloc(0), false),
      pieces.deflate(Buffer.alloc(0), true),
    ]);
    expect(client.inflate(payload, 1e6)?.equals(MESSAGE)).toBe(true);
  });

  it("pieces refer to each other, to earlier messages, and are there for later ones", () => {
    for (const serverNoContextTakeover of [false, true]) {
      const { server, client } = pair({ serverNoContextTakeover });
      const pieces = [MESSAGE, random.message(5000), MESSAGE, random.message(3000), MESSAGE];
      for (let count = 0; count < 3; count++) {
        const deflater = server.deflatePieces();
        const parts = pieces.map((piece, at) => deflater.deflate(piece, at === pieces.length - 1));
        expect(client.inflate(Buffer.concat(parts), 1e6)?.equals(Buffer.concat(pieces))).toBe(true);
        expect(client.inflate(server.deflate(MESSAGE), 1e6)?.equals(MESSAGE)).toBe(true);
      }
    }
  });

  it("a shared message refers to nothing, and is there for later ones", () => {
    const [one, other] = [pair(), pair()];
    one.client.inflate(one.server.deflate(random.json(500)), 1e6);
    const shared = Buffer.from(one.server.deflateShared(MESSAGE));
    expect(one.asked.at(-1)?.dictionary).toBeUndefined();
    for (const { server, client } of [one, other]) {
      server.sentShared(MESSAGE);
      expect(client.inflate(shared, 1e6)?.equals(MESSAGE)).toBe(true);
      const next = Buffer.from(server.deflate(MESSAGE));
      expect(next.length).toBeLessThan(shared.length / 4);
      expect(client.inflate(next, 1e6)?.equals(MESSAGE)).toBe(true);
    }
  });

  it("a shared message in pieces has the same freedom", () => {
    const { server, client } = pair();
    const pieces = server.deflateSharedPieces();
    const payload = Buffer.concat([pieces.deflate(MESSAGE, false), pieces.deflate(MESSAGE, true)]);
    expect(client.inflate(payload, 1e6)?.equals(Buffer.concat([MESSAGE, MESSAGE]))).toBe(true);
  });

  it("the key of a shared message names level, window and memLevel", () => {
    const { server } = pair({ serverMaxWindowBits: 9 }, { level: 4, memLevel: 8 });
    expect(server.sharedKey).toBe("4/9/8");
  });

  it("a message over the limit is none, corrupt data is 1007", () => {
    const { server, client } = pair();
    const payload = Buffer.from(server.deflate(MESSAGE));
    expect(client.inflate(payload, MESSAGE.length - 1)).toBeUndefined();
    expect(() => client.inflate(Buffer.from("ffffff", "hex"), 1e6)).toThrow(
      expect.objectContaining({ code: "WS_DEFLATE_INVALID", closeCode: 1007 }),
    );
  });

  it("takes a compressed message without a byte for an empty one", () => {
    expect(pair().client.inflate(Buffer.alloc(0), 1e6)?.length).toBe(0);
  });
});
