/** nextWriter with compression: each fragment compressed as it is sent, with the message so far as context. */
import { hex } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { rejectionOf, stateOf } from "../conn/harness.ts";
import { CompressedConn } from "./compressed-conn.ts";
import { Seeded } from "./sample-text.ts";

const random = new Seeded(53);
const TEXT = random.json(3000).toString();
const LONG = random.json(700_000);

describe("conn.nextWriter() with compression", () => {
  it("marks the first frame alone", async () => {
    const pair = new CompressedConn();
    const writer = await pair.conn.nextWriter(1);
    for (const at of [0, 1000, 2000]) {
      await writer.write(TEXT.slice(at, at < 2000 ? at + 1000 : undefined));
      await writer.flush();
    }
    await writer.close();
    const { frames, data } = await pair.read();
    expect(frames.map(({ opcode, rsv, fin }) => [opcode, rsv, fin])).toEqual([
      [1, 4, false],
      [0, 0, false],
      [0, 0, false],
      [0, 0, true],
    ]);
    expect(data.toString()).toBe(TEXT);
  });

  it("each fragment inflates before the next one is there", async () => {
    const pair = new CompressedConn();
    const writer = await pair.conn.nextWriter(1);
    await writer.write(TEXT);
    await writer.flush();
    const { payload } = await pair.peer.readFrame();
    expect(payload.subarray(-4).toString("hex")).toBe("0000ffff");
    expect((await pair.zlib.inflate(payload)).toString()).toBe(TEXT);
    await writer.close();
    expect(await pair.peer.readFrame()).toMatchObject({ fin: true, payload: hex("00") });
  });

  it("the last fragment comes without its tail (RFC 7692 §7.2.1)", async () => {
    const pair = new CompressedConn();
    const writer = await pair.conn.nextWriter(1);
    await writer.write(TEXT);
    await writer.close();
    const { payload, data } = await pair.read();
    expect(payload.subarray(-4).toString("hex")).not.toBe("0000ffff");
    expect(data.toString()).toBe(TEXT);
  });

  it("a message that turns out shorter than the threshold goes out plain, in one frame", async () => {
    const pair = new CompressedConn({ compression: { threshold: 100 } });
    for (const [length, compressed] of [
      [99, false],
      [100, true],
      [0, false],
    ] as const) {
      const writer = await pair.conn.nextWriter(1);
      await writer.write("x".repeat(length));
      await writer.close();
      const received = await pair.read();
      expect([received.frames.length, received.compressed]).toEqual([1, compressed]);
      expect(received.data.length).toBe(length);
    }
  });

  it("writes through a Web Stream too", async () => {
    const pair = new CompressedConn();
    const stream = (await pair.conn.nextWriter(2)).toWritableStream();
    const received = pair.read();
    await new Blob([LONG]).stream().pipeTo(stream);
    expect((await received).data.equals(LONG)).toBe(true);
  });

  it("compresses as well as one call would, nearly", async () => {
    const sizes: number[] = [];
    for (const inPieces of [false, true]) {
      const pair = new CompressedConn({ compression: { level: 6 } });
      const received = pair.read();
      if (inPieces) {
        const writer = await pair.conn.nextWriter(2);
        for (let at = 0; at < LONG.length; at += 4096)
          await writer.write(LONG.subarray(at, at + 4096));
        await writer.close();
      } else await pair.conn.writeMessage(2, LONG);
      sizes.push((await received).payload.length);
    }
    expect(sizes[1]).toBeLessThan((sizes[0] ?? 0) * 1.25);
  });

  it("waits for a slow peer, whose memory bounds it", async () => {
    const pair = new CompressedConn();
    pair.peer.stopReading();
    const writer = await pair.conn.nextWriter(2);
    let written = 0;
    for (; written < 200; written++) {
      const write = writer.write(random.noise(20_000));
      if ((await stateOf(write)) === "pending") break;
    }
    expect(written).toBeLessThan(100);
    expect(pair.conn.bufferedAmount).toBeLessThan(300_000);
    pair.conn.terminate();
  });

  it("other messages wait, and find its context", async () => {
    const pair = new CompressedConn();
    const writer = await pair.conn.nextWriter(1);
    await writer.write(TEXT.slice(0, 1500));
    const behind = pair.conn.writeMessage(1, TEXT.slice(0, 1000));
    await writer.write(TEXT.slice(1500));
    await writer.close();
    await behind;
    expect((await pair.read()).data.toString()).toBe(TEXT);
    expect((await pair.read()).data.toString()).toBe(TEXT.slice(0, 1000));
  });

  it("a message that is given up before its first fragment leaves no trace in the context", async () => {
    const pair = new CompressedConn();
    const writer = await pair.conn.nextWriter(1);
    await writer.write("x".repeat(1000));
    writer.abort();
    for (let count = 0; count < 2; count++) {
      await pair.conn.writeMessage(1, "x".repeat(1000));
      expect((await pair.read()).data.toString()).toBe("x".repeat(1000));
    }
  });

  describe("a piece above 256 KiB", () => {
    it("lets the event loop turn between its slices, and pieces keep their order", async () => {
      const pair = new CompressedConn();
      const writer = await pair.conn.nextWriter(2);
      const received = pair.read();
      const order: string[] = [];
      const log = (name: string) => (): number => order.push(name);
      const writes = [
        writer.write("before ").then(log("before")),
        writer.write(LONG).then(log("long")),
        writer.write(" behind ").then(log("behind")),
        writer.flush().then(log("flush")),
        writer.write(LONG).then(log("again")),
        writer.close().then(log("close")),
      ];
      let turns = 0;
      const counting = setInterval(() => turns++, 0);
      await Promise.all(writes);
      clearInterval(counting);
      expect(order).toEqual(["before", "long", "behind", "flush", "again", "close"]);
      expect(turns).toBeGreaterThan(5);
      const expected = Buffer.concat([Buffer.from("before "), LONG, Buffer.from(" behind "), LONG]);
      expect((await received).data.equals(expected)).toBe(true);
    });

    it("is copied, as are those behind it", async () => {
      const pair = new CompressedConn();
      const writer = await pair.conn.nextWriter(2);
      const received = pair.read();
      const [long, short] = [Buffer.from(LONG), Buffer.from("short")];
      const writes = [writer.write(long), writer.write(short), writer.close()];
      long.fill(0);
      short.fill(0);
      await Promise.all(writes);
      expect((await received).data.equals(Buffer.concat([LONG, Buffer.from("short")]))).toBe(true);
    });

    it("ends with the connection, and so do the calls behind it", async () => {
      const pair = new CompressedConn();
      const writer = await pair.conn.nextWriter(2);
      const writes = [writer.write(LONG), writer.close()];
      pair.conn.terminate();
      for (const write of writes)
        expect(await rejectionOf(write)).toMatchObject({ code: "WS_CLOSED" });
    });

    it("stops when the message is given up, which closes the connection", async () => {
      const pair = new CompressedConn();
      const writer = await pair.conn.nextWriter(2);
      const write = writer.write(LONG);
      const behind = writer.write("more");
      writer.abort();
      for (const given of [write, behind]) {
        expect(await rejectionOf(given)).toMatchObject({ code: "WS_WRITER_CLOSED" });
      }
      expect((await pair.peer.readClose()).code).toBe(1011);
    });

    it("refuses what is no payload, in the call's own promise", async () => {
      const pair = new CompressedConn();
      const writer = await pair.conn.nextWriter(2);
      const received = pair.read();
      const write = writer.write(LONG);
      const refused = writer.write(5 as unknown as string); // what JavaScript allows
      expect(await rejectionOf(refused)).toBeInstanceOf(TypeError);
      await write;
      await writer.close();
      expect((await received).data.equals(LONG)).toBe(true);
    });
  });
});
