/** nextReader with compression: pieces as they are inflated, however much a frame holds. */
import { hex, within } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { deflateRawSync } from "node:zlib";
import { idle, rejectionOf } from "../conn/harness.ts";
import { CompressedConn } from "./compressed-conn.ts";
import { Seeded } from "./sample-text.ts";

const random = new Seeded(59);
const TEXT = random.json(3000);
const LONG = random.json(900_000);

describe("conn.nextReader() of a compressed message", () => {
  it("gives its pieces before the message is complete", async () => {
    const pair = new CompressedConn();
    const payload = await pair.zlib.deflate(LONG);
    const half = payload.length >> 1;
    pair.sendFrame({ opcode: 1, rsv: 4, fin: false, payload: payload.subarray(0, half) });
    const reader = await pair.conn.nextReader();
    expect(reader.type).toBe(1);
    const pieces: Buffer[] = [];
    const first = await reader.next();
    pieces.push(first.value ?? Buffer.alloc(0));
    pair.sendFrame({ opcode: 0, payload: payload.subarray(half) });
    for await (const piece of reader) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(LONG)).toBe(true);
  });

  it.each([1, 13, 700, Infinity])("in frames of %s bytes", async (fragmentBytes) => {
    const pair = new CompressedConn();
    for (const message of [TEXT, Buffer.alloc(0), Buffer.of(1), TEXT]) {
      await pair.send(message, { fragmentBytes });
      const reader = await pair.conn.nextReader();
      expect((await reader.readAll()).equals(message)).toBe(true);
    }
  });

  it("keeps the context for messages that are read whole, and the other way round", async () => {
    const pair = new CompressedConn();
    for (let count = 0; count < 10; count++) {
      await pair.send(TEXT);
      const streamed = await pair.conn.nextReader();
      await pair.send(TEXT);
      expect((await streamed.readAll()).equals(TEXT)).toBe(true);
      expect((await pair.conn.readMessage()).data.equals(TEXT)).toBe(true);
    }
  });

  it("begins with what has come of a message before", async () => {
    const pair = new CompressedConn();
    const payload = await pair.zlib.deflate(TEXT);
    pair.sendFrame({ opcode: 2, rsv: 4, fin: false, payload: payload.subarray(0, 300) });
    await idle();
    const reader = await pair.conn.nextReader();
    pair.sendFrame({ opcode: 0, payload: payload.subarray(300) });
    expect((await reader.readAll()).equals(TEXT)).toBe(true);
  });

  it("reads a plain message on the same connection, and what was queued whole", async () => {
    const pair = new CompressedConn();
    await pair.send(TEXT);
    await pair.send(TEXT, { compress: false });
    await idle();
    for (let count = 0; count < 2; count++) {
      expect((await (await pair.conn.nextReader()).readAll()).equals(TEXT)).toBe(true);
    }
  });

  it("inflates no further than the reader has room, and stops the peer", async () => {
    const pair = new CompressedConn({
      options: { readLimit: 100_000_000, readQueueBytes: 65_536 },
    });
    const zeros = Buffer.alloc(40_000_000);
    const sent = pair.send(zeros);
    const reader = await pair.conn.nextReader();
    await sent;
    let read = 0;
    for await (const piece of reader) {
      read += piece.length;
      expect(reader.bufferedBytes).toBeLessThan(65_536 + 32_768);
      if (read % 1_000_000 < piece.length) await idle(2);
    }
    expect(read).toBe(zeros.length);
  });

  it("what comes behind it waits for it, control frames included, and none is lost", async () => {
    const pair = new CompressedConn({ options: { readQueueBytes: 65_536 } });
    const opened = pair.conn.nextReader();
    await pair.send(LONG);
    pair.sendFrame({ opcode: 9, payload: "behind" });
    await pair.send(TEXT);
    const reader = await opened;
    expect((await reader.readAll()).equals(LONG)).toBe(true);
    expect(await pair.peer.readFrame()).toMatchObject({ opcode: 0xa });
    expect((await pair.conn.readMessage()).data.equals(TEXT)).toBe(true);
  });

  it("an abandoned reader leaves the context right", async () => {
    const pair = new CompressedConn({ options: { readQueueBytes: 65_536 } });
    for (let count = 0; count < 3; count++) {
      const opened = pair.conn.nextReader();
      await pair.send(LONG);
      await pair.send(TEXT);
      const reader = await opened;
      await reader.next();
      expect((await pair.conn.readMessage()).data.equals(TEXT)).toBe(true);
      expect(await reader.next()).toEqual({ value: undefined, done: true });
    }
  });

  it("so does one that is given up by its holder", async () => {
    const pair = new CompressedConn({ options: { readQueueBytes: 65_536 } });
    const opened = pair.conn.nextReader();
    await pair.send(LONG);
    await pair.send(TEXT);
    for await (const piece of await opened) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    expect((await pair.conn.readMessage()).data.equals(TEXT)).toBe(true);
  });

  it("the read limit is that of the plaintext", async () => {
    const pair = new CompressedConn({ options: { readLimit: 10_000 } });
    await pair.send(Buffer.alloc(10_000));
    expect((await (await pair.conn.nextReader()).readAll()).length).toBe(10_000);
    await pair.send(Buffer.alloc(10_001));
    const reader = await pair.conn.nextReader();
    expect(await rejectionOf(reader.readAll())).toMatchObject({
      code: "WS_READ_LIMIT",
      closeCode: 1009,
    });
    expect((await pair.peer.readClose()).code).toBe(1009);
    expect(await rejectionOf(pair.conn.readMessage())).toMatchObject({ code: "WS_READ_LIMIT" });
  });

  it("setReadLimit() counts for a message under way", async () => {
    const pair = new CompressedConn();
    const payload = await pair.zlib.deflate(LONG);
    pair.sendFrame({ opcode: 2, rsv: 4, fin: false, payload: payload.subarray(0, 1000) });
    const reader = await pair.conn.nextReader();
    await reader.next();
    pair.conn.setReadLimit(50_000);
    pair.sendFrame({ opcode: 0, payload: payload.subarray(1000, 60_000) });
    expect(await rejectionOf(reader.readAll())).toMatchObject({ code: "WS_READ_LIMIT" });
  });

  it("text is checked in the plaintext, across pieces", async () => {
    const good = Buffer.from("é".repeat(40_000));
    const pair = new CompressedConn();
    await pair.send(good, { opcode: 1, fragmentBytes: 11 });
    expect((await (await pair.conn.nextReader()).readAll()).equals(good)).toBe(true);
    for (const bad of [Buffer.concat([good, hex("ff")]), good.subarray(0, -1)]) {
      const other = new CompressedConn();
      await other.send(bad, { opcode: 1 });
      const reader = await other.conn.nextReader();
      expect(await rejectionOf(reader.readAll())).toMatchObject({
        code: "WS_UTF8_INVALID",
        closeCode: 1007,
      });
      expect((await other.peer.readClose()).code).toBe(1007);
    }
  });

  it.each([
    ["corrupt", hex("ff ff ff")],
    ["truncated", deflateRawSync(TEXT, { finishFlush: 2 }).subarray(0, 500)],
    ["a reference to nothing", hex("f2 00 11 00 00")],
    ["too many streams", Buffer.concat(Array<Buffer>(1100).fill(hex("03 00")))],
  ])("%s data closes with 1007, and the error sticks", async (_kind, payload) => {
    const pair = new CompressedConn();
    pair.sendPayload(payload, { opcode: 2 });
    pair.sendFrame({ opcode: 1, payload: "after it" });
    const reader = await pair.conn.nextReader();
    const corrupt = { code: "WS_DEFLATE_INVALID", closeCode: 1007 };
    expect(await rejectionOf(reader.readAll())).toMatchObject(corrupt);
    expect((await pair.peer.readClose()).code).toBe(1007);
    expect(await rejectionOf(pair.conn.readMessage())).toMatchObject(corrupt);
    expect(await pair.conn.closed).toMatchObject({ code: 1007 });
  });

  it("RFC 7692 §7.2.3.4: blocks with BFINAL, in one frame and in many", async () => {
    const first = deflateRawSync(TEXT);
    const second = deflateRawSync(TEXT, { dictionary: TEXT });
    const payload = Buffer.concat([first, second, deflateRawSync(""), Buffer.of(0)]);
    for (const fragmentBytes of [Infinity, 1, 5, first.length]) {
      const pair = new CompressedConn();
      pair.sendPayload(payload, { fragmentBytes });
      const reader = await pair.conn.nextReader();
      expect((await reader.readAll()).equals(Buffer.concat([TEXT, TEXT]))).toBe(true);
      // The window holds all of it.
      pair.sendPayload(deflateRawSync(TEXT, { dictionary: TEXT, finishFlush: 2 }).subarray(0, -4));
      expect((await pair.conn.readMessage()).data.equals(TEXT)).toBe(true);
    }
  });

  it("without context takeover no message refers to one before it", async () => {
    const pair = new CompressedConn({ negotiated: { clientNoContextTakeover: true } });
    for (let count = 0; count < 3; count++) {
      await pair.send(TEXT);
      expect((await (await pair.conn.nextReader()).readAll()).equals(TEXT)).toBe(true);
    }
  });

  it("what has arrived before the connection ends is still given", async () => {
    const pair = new CompressedConn();
    const payload = await pair.zlib.deflate(TEXT);
    pair.sendFrame({ opcode: 2, rsv: 4, fin: false, payload });
    pair.sendFrame({ opcode: 8, payload: hex("03e8") });
    const reader = await pair.conn.nextReader();
    const pieces: Buffer[] = [];
    const failure = await (async () => {
      for await (const piece of reader) pieces.push(piece);
    })().catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "CloseError", code: 1000 });
    expect(Buffer.concat(pieces).equals(TEXT)).toBe(true);
  });

  it("ends with the connection: close, terminate, reset", async () => {
    for (const end of [
      (pair: CompressedConn) => void pair.conn.close(),
      (pair: CompressedConn) => pair.conn.terminate(),
      (pair: CompressedConn) => pair.peer.reset(),
    ]) {
      const pair = new CompressedConn({ options: { readQueueBytes: 65_536, closeTimeout: 50 } });
      const payload = await pair.zlib.deflate(LONG);
      pair.sendFrame({ opcode: 2, rsv: 4, fin: false, payload });
      const reader = await pair.conn.nextReader();
      await reader.next();
      end(pair);
      const rest = reader.readAll().catch((error: unknown) => error);
      await within(rest, "the end of the reader");
      expect((await within(pair.conn.closed, "the end")).wasClean).toBe(false);
    }
  });

  it("a read deadline that passes inside it leaves control frames working", async () => {
    const pair = new CompressedConn();
    const payload = await pair.zlib.deflate(TEXT);
    pair.sendFrame({ opcode: 2, rsv: 4, fin: false, payload: payload.subarray(0, 100) });
    const reader = await pair.conn.nextReader();
    pair.conn.setReadDeadline(Date.now() - 1);
    expect(await rejectionOf(reader.readAll())).toMatchObject({ code: "WS_READ_DEADLINE" });
    pair.sendFrame({ opcode: 0, payload: payload.subarray(100) });
    await pair.send(TEXT);
    pair.sendFrame({ opcode: 9, payload: "still there" });
    expect(await pair.peer.readFrame()).toMatchObject({ opcode: 0xa });
    pair.conn.terminate();
  });

  it("a reader that nobody reads holds back the peer and what comes behind", async () => {
    const pair = new CompressedConn({ options: { readQueueBytes: 65_536 } });
    const opened = pair.conn.nextReader();
    await pair.send(LONG);
    await pair.send(TEXT);
    const reader = await opened;
    await idle(20);
    expect(reader.ended).toBe(false);
    expect(reader.bufferedBytes).toBeLessThan(65_536 + 32_768);
    expect((await reader.readAll()).equals(LONG)).toBe(true);
    expect((await pair.conn.readMessage()).data.equals(TEXT)).toBe(true);
  });
});
