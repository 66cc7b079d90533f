/** Whole messages: RFC 7692 §6, §7.2, the RFC's own examples, and what decides whether a message is compressed. */
import { connAndRawPeer, hex, rawFrame, rawText } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { PreparedMessage } from "../../src/index.ts";
import { CompressedConn } from "./compressed-conn.ts";
import { Seeded } from "./sample-text.ts";

const random = new Seeded(43);
const TEXT = random.json(1000).toString();

describe("RFC 7692 §7.2.3 examples", () => {
  /** What a server reads when a client sends these payloads, each as one message. */
  async function read(...payloads: string[]): Promise<string[]> {
    const pair = new CompressedConn();
    const texts: string[] = [];
    for (const payload of payloads) {
      pair.sendPayload(hex(payload), { opcode: 1 });
      texts.push((await pair.conn.readMessage()).text());
    }
    return texts;
  }

  it("§7.2.3.1 one block", async () => {
    expect(await read("f2 48 cd c9 c9 07 00")).toEqual(["Hello"]);
  });

  it("§7.2.3.1 one block in two frames", async () => {
    const pair = new CompressedConn();
    pair.sendFrame({ opcode: 1, rsv: 4, fin: false, payload: hex("f2 48 cd") });
    pair.sendFrame({ opcode: 0, payload: hex("c9 c9 07 00") });
    expect((await pair.conn.readMessage()).text()).toBe("Hello");
  });

  it("§7.2.3.2 sharing the window", async () => {
    expect(await read("f2 48 cd c9 c9 07 00", "f2 00 11 00 00")).toEqual(["Hello", "Hello"]);
  });

  it("§7.2.3.3 a block without compression", async () => {
    expect(await read("00 05 00 fa ff 48 65 6c 6c 6f 00")).toEqual(["Hello"]);
  });

  it("§7.2.3.4 a block with BFINAL", async () => {
    expect(await read("f3 48 cd c9 c9 07 00 00")).toEqual(["Hello"]);
  });

  it("§7.2.3.5 two blocks", async () => {
    expect(await read("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")).toEqual(["Hello"]);
  });

  it("§7.2.3.6 an empty message", async () => {
    expect(await read("00", "f2 48 cd c9 c9 07 00")).toEqual(["", "Hello"]);
  });
});

describe("RFC 7692 §6: RSV1", () => {
  /** The code that a server closes with behind `frames`. */
  async function closedWith(
    ...frames: Parameters<CompressedConn["sendFrame"]>[0][]
  ): Promise<number> {
    const pair = new CompressedConn();
    for (const frame of frames) pair.sendFrame(frame);
    const failure = await pair.conn.readMessage().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "WS_RSV_UNEXPECTED" });
    return (await pair.peer.readClose()).code;
  }

  it("stands on the first frame of a message, on no later one", async () => {
    const compressed = { opcode: 1, rsv: 4, fin: false, payload: hex("f2 48 cd") } as const;
    const plain = { opcode: 1, fin: false, payload: "Hel" } as const;
    for (const first of [compressed, plain]) {
      expect(await closedWith(first, { opcode: 0, rsv: 4, payload: hex("c9 c9 07 00") })).toBe(
        1002,
      );
    }
  });

  it.each([0x8, 0x9, 0xa])("does not stand on a control frame, opcode %i", async (opcode) => {
    expect(await closedWith({ opcode, rsv: 4 })).toBe(1002);
  });

  it.each([1, 2, 3, 5, 6, 7])("RSV bits %i are refused", async (rsv) => {
    expect(await closedWith({ opcode: 1, rsv })).toBe(1002);
  });

  it("is refused where nothing was negotiated", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawFrame({ opcode: 1, rsv: 4, payload: hex("f2 48 cd c9 c9 07 00") }));
    expect((await peer.readClose()).code).toBe(1002);
    expect(await conn.readMessage().catch((error: unknown) => error)).toMatchObject({
      code: "WS_RSV_UNEXPECTED",
    });
  });

  it("a message without it is plain, and stays out of the window", async () => {
    const pair = new CompressedConn();
    for (const compress of [true, false, true]) {
      await pair.send(Buffer.from(TEXT), { opcode: 1, compress });
      expect((await pair.conn.readMessage()).text()).toBe(TEXT);
    }
  });
});

describe("a message of ours", () => {
  it("is one frame however long, since Safari 15 fails on fragments that are compressed", async () => {
    const pair = new CompressedConn();
    for (const bytes of [300, 70_000, 200_000, 3_000_000]) {
      const message = random.json(bytes);
      const written = pair.conn.writeMessage(1, message);
      const { frames, compressed, data } = await pair.read();
      expect([frames.length, compressed]).toEqual([1, true]);
      expect(data.equals(message)).toBe(true);
      await written;
    }
    pair.conn.terminate();
  });

  it("is compressed from the threshold on, by its bytes", async () => {
    const pair = new CompressedConn({ compression: { threshold: 256 } });
    for (const [text, compressed] of [
      ["x".repeat(255), false],
      ["x".repeat(256), true],
      ["é".repeat(127), false],
      ["é".repeat(128), true],
    ] as const) {
      await pair.conn.writeMessage(1, text);
      expect(await pair.read()).toMatchObject({ compressed, data: Buffer.from(text) });
    }
  });

  it("empty is compressed to one byte when the threshold is 0", async () => {
    const pair = new CompressedConn({ compression: { threshold: 0 } });
    await pair.conn.writeMessage(1, "");
    expect((await pair.read()).payload.toString("hex")).toBe("00");
    await pair.conn.writePreparedMessage(new PreparedMessage(1, ""));
    expect((await pair.read()).payload.toString("hex")).toBe("00");
    await (await pair.conn.nextWriter(1)).close();
    expect((await pair.read()).payload.toString("hex")).toBe("00");
    await pair.conn.writeMessage(1, TEXT);
    expect((await pair.read()).data.toString()).toBe(TEXT);
  });

  it("empty goes out plain below the threshold", async () => {
    const pair = new CompressedConn();
    await pair.conn.writeMessage(1, "");
    await pair.conn.writePreparedMessage(new PreparedMessage(2, ""));
    for (const opcode of [1, 2]) {
      expect(await pair.read()).toMatchObject({
        opcode,
        compressed: false,
        frames: [{ payload: Buffer.alloc(0) }],
      });
    }
  });

  it("goes out plain with `compress: false`, and the next one is compressed again", async () => {
    const pair = new CompressedConn();
    for (const compress of [true, false, true, undefined]) {
      await pair.conn.writeMessage(1, TEXT, { compress });
      const { compressed, data } = await pair.read();
      expect([compressed, data.toString()]).toEqual([compress !== false, TEXT]);
    }
  });

  it("of every kind is compressed: text, JSON, binary, send, prepared", async () => {
    const pair = new CompressedConn();
    pair.conn.send(TEXT);
    await pair.conn.writeJSON(JSON.parse(TEXT));
    await pair.conn.writeMessage(2, Buffer.from(TEXT));
    await pair.conn.writePreparedMessage(new PreparedMessage(1, TEXT));
    for (let count = 0; count < 4; count++) expect((await pair.read()).compressed).toBe(true);
  });

  it("enableWriteCompression() switches from the next message on, and reading goes on", async () => {
    const pair = new CompressedConn();
    const writer = await pair.conn.nextWriter(1);
    await writer.write(TEXT);
    await writer.flush();
    pair.conn.enableWriteCompression(false);
    await writer.close();
    expect((await pair.read()).compressed).toBe(true);
    await pair.conn.writeMessage(1, TEXT);
    expect((await pair.read()).compressed).toBe(false);
    const plain = await pair.conn.nextWriter(1);
    await plain.write(TEXT);
    await plain.close();
    expect((await pair.read()).compressed).toBe(false);
    await pair.conn.writePreparedMessage(new PreparedMessage(1, TEXT));
    expect((await pair.read()).compressed).toBe(false);
    await pair.send(Buffer.from(TEXT));
    expect((await pair.conn.readMessage()).text()).toBe(TEXT);
    pair.conn.enableWriteCompression(true);
    await pair.conn.writeMessage(1, TEXT);
    expect(await pair.read()).toMatchObject({ compressed: true, data: Buffer.from(TEXT) });
  });

  it("setCompressionLevel() counts from the next message on", async () => {
    const pair = new CompressedConn({ negotiated: { serverNoContextTakeover: true } });
    const message = random.json(60_000);
    const sizes: number[] = [];
    for (const level of [0, -2, 1, 9]) {
      pair.conn.setCompressionLevel(level);
      await pair.conn.writeMessage(2, message);
      const { payload, data } = await pair.read();
      expect(data.equals(message)).toBe(true);
      sizes.push(payload.length);
    }
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect(sizes[0]).toBeGreaterThan(message.length);
    for (const level of [10, -3, 1.5, Number.NaN]) {
      expect(() => pair.conn.setCompressionLevel(level)).toThrow(RangeError);
    }
  });

  it("nothing of this matters where nothing was negotiated", async () => {
    const { conn, peer } = connAndRawPeer("server");
    conn.setCompressionLevel(9);
    conn.enableWriteCompression(true);
    expect(() => conn.setCompressionLevel(10)).toThrow(RangeError);
    await conn.writeMessage(1, TEXT, { compress: true });
    expect(await peer.readFrame()).toMatchObject({ rsv: 0, payload: Buffer.from(TEXT) });
  });
});

describe("a prepared message", () => {
  it("is compressed once for all connections with the same settings", async () => {
    const message = new PreparedMessage(1, TEXT);
    const payloads: Buffer[] = [];
    for (let member = 0; member < 3; member++) {
      const pair = new CompressedConn();
      await pair.conn.writeMessage(1, `${member}${TEXT}`);
      await pair.read();
      await pair.conn.writePreparedMessage(message);
      const { payload, data } = await pair.read();
      expect(data.toString()).toBe(TEXT);
      payloads.push(payload);
      // What follows may refer to it.
      await pair.conn.writeMessage(1, TEXT);
      const next = await pair.read();
      expect(next.data.toString()).toBe(TEXT);
      expect(next.payload.length).toBeLessThan(payload.length / 4);
    }
    expect(payloads.every((payload) => payload.equals(payloads[0] ?? Buffer.alloc(0)))).toBe(true);
  });

  it("is made for each level and window, and for those without compression", async () => {
    const message = new PreparedMessage(2, random.json(4000));
    for (const [level, serverMaxWindowBits] of [
      [1, 12],
      [9, 12],
      [1, 9],
      [1, 12],
    ] as const) {
      const pair = new CompressedConn({
        compression: { level },
        negotiated: { serverMaxWindowBits },
      });
      await pair.conn.writePreparedMessage(message);
      expect((await pair.read()).data.equals(message.payload)).toBe(true);
    }
    const plain = connAndRawPeer("server");
    await plain.conn.writePreparedMessage(message);
    expect((await plain.peer.readFrame()).payload.equals(message.payload)).toBe(true);
  });

  it("a client masks it anew each time, compressed with its own context", async () => {
    const pair = new CompressedConn({ role: "client" });
    const message = new PreparedMessage(1, TEXT);
    const lengths: number[] = [];
    for (let count = 0; count < 2; count++) {
      await pair.conn.writePreparedMessage(message);
      const { payload, data, frames } = await pair.read();
      expect([data.toString(), frames[0]?.masked]).toEqual([TEXT, true]);
      lengths.push(payload.length);
    }
    expect(lengths[1]).toBeLessThan((lengths[0] ?? 0) / 4);
  });
});

describe("a message of the peer", () => {
  it("may be cut anywhere: frames of a byte, bytes of a chunk", async () => {
    const pair = new CompressedConn();
    const message = Buffer.from(TEXT);
    for (const fragmentBytes of [1, 2, 7, 100]) {
      await pair.send(message, { opcode: 1, fragmentBytes });
      expect((await pair.conn.readMessage()).text()).toBe(TEXT);
    }
    const frame = rawFrame({ opcode: 1, rsv: 4, payload: await pair.zlib.deflate(message) });
    for (const byte of frame) pair.peer.send(Uint8Array.of(byte));
    expect((await pair.conn.readMessage()).text()).toBe(TEXT);
  });

  it("control frames may stand between its fragments", async () => {
    const pair = new CompressedConn();
    const payload = await pair.zlib.deflate(Buffer.from(TEXT));
    pair.sendFrame({ opcode: 1, rsv: 4, fin: false, payload: payload.subarray(0, 20) });
    pair.sendFrame({ opcode: 0x9, payload: "ping" });
    pair.sendFrame({ opcode: 0, payload: payload.subarray(20) });
    expect((await pair.conn.readMessage()).text()).toBe(TEXT);
    expect(await pair.peer.readFrame()).toMatchObject({
      opcode: 0xa,
      payload: Buffer.from("ping"),
    });
  });

  it("text is checked when it is inflated", async () => {
    const pair = new CompressedConn();
    const notUtf8 = Buffer.concat([Buffer.from(TEXT), hex("c3 28")]);
    await pair.send(notUtf8, { opcode: 2 });
    expect((await pair.conn.readMessage()).data.equals(notUtf8)).toBe(true);
    await pair.send(notUtf8, { opcode: 1 });
    const failure = await pair.conn.readMessage().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "WS_UTF8_INVALID", closeCode: 1007 });
    expect((await pair.peer.readClose()).code).toBe(1007);
  });

  it("that does not inflate closes with 1007, and the error sticks", async () => {
    const pair = new CompressedConn();
    await pair.send(Buffer.from(TEXT));
    pair.sendPayload(hex("ff ff ff"), { opcode: 1 });
    pair.peer.send(rawText("after it"));
    expect((await pair.conn.readMessage()).text()).toBe(TEXT);
    for (let count = 0; count < 2; count++) {
      const failure = await pair.conn.readMessage().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "WS_DEFLATE_INVALID", closeCode: 1007 });
    }
    expect((await pair.peer.readClose()).code).toBe(1007);
    expect(await pair.conn.closed).toMatchObject({ code: 1007, wasClean: false });
  });

  it("truncated data is corrupt, not short", async () => {
    const pair = new CompressedConn();
    const payload = await pair.zlib.deflate(Buffer.from(TEXT));
    pair.sendPayload(payload.subarray(0, -1), { opcode: 1 });
    expect((await pair.peer.readClose()).code).toBe(1007);
  });

  it("a reference to before the connection is corrupt", async () => {
    const pair = new CompressedConn();
    pair.sendPayload(hex("f2 00 11 00 00"), { opcode: 1 });
    expect((await pair.peer.readClose()).code).toBe(1007);
  });
});
