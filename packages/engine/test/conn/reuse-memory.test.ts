/** forEach with reuseMemory: messages without a copy, and nothing of them in what is read or written later. */
import { createHash } from "node:crypto";
import { connAndRawPeer, deferred, rawBinary, rawClose, rawText, within } from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MessageType, PreparedMessage, type Conn, type Message } from "../../src/index.ts";
import { idle, rejectionOf, tcpPair } from "./harness.ts";

const REUSE = { reuseMemory: true };
const PUBLIC_ONLY = process.env["LONGWIRE_PUBLIC_API_ONLY"] === "1";
const MIB = 1_048_576;

const open: { terminate(): void }[] = [];

afterEach(() => {
  for (const conn of open.splice(0)) conn.terminate();
});

async function server(): Promise<Awaited<ReturnType<typeof tcpPair>>> {
  const pair = await tcpPair("server", {
    heartbeat: false,
    readLimit: 8 * MIB,
    maxBufferedAmount: 256 * MIB,
  });
  open.push(pair.conn);
  return pair;
}

/** Bytes that no two seeds have in common for long. */
function bytesOf(seed: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed * 2_654_435_761 + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

const hash = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex");

/** In how many memories messages lay that came one after the other. */
async function memoriesOf(messages: number, length: number): Promise<number> {
  const { conn, peer } = await server();
  const memories = new Set<unknown>();
  const loop = conn.forEach((message) => {
    memories.add(message.data.buffer);
    conn.send("next");
  }, REUSE);
  for (let count = 0; count < messages; count++) {
    peer.send(rawBinary(bytesOf(count, length)));
    await peer.readFrame();
  }
  peer.send(rawClose(1000));
  await loop;
  return memories.size;
}

describe("conn.forEach() with reuseMemory", () => {
  it("gives every message whole, short and long ones", async () => {
    const { conn, peer } = await server();
    const sizes = [0, 1, 64, 65, 500, 513, 16_384, 16_385, 70_000, 262_144, 300_000, MIB, 3 * MIB];
    const seen: string[] = [];
    const loop = conn.forEach((message) => void seen.push(hash(message.data)), REUSE);
    const sent = [...sizes, ...sizes].map((size, at) => bytesOf(at, size));
    for (const bytes of sent) peer.send(rawBinary(bytes));
    peer.send(rawClose(1000));
    await within(loop, "the end");
    expect(seen).toEqual(sent.map(hash));
  });

  it.skipIf(PUBLIC_ONLY)("leaves a message of one read where it was read", async () => {
    expect(await memoriesOf(3, 2000)).toBe(1);
  });

  it("uses the memory of a long message for the next one", async () => {
    expect(await memoriesOf(5, 2 * MIB)).toBeLessThan(5);
  });

  it("takes a message's bytes away when the callback returns; what it was decoded to stays", async () => {
    const { conn, peer } = connAndRawPeer("server", {}, rawText("in the queue"));
    const messages: Message[] = [];
    const texts: string[] = [];
    const loop = conn.forEach((message) => {
      messages.push(message);
      if (messages.length < 3) texts.push(message.text());
    }, REUSE);
    peer.send(Buffer.concat([rawText("decoded"), rawText("not decoded")]));
    peer.send(rawClose(1000));
    await loop;
    const [queued, decoded, not] = messages;
    expect(texts).toEqual(["in the queue", "decoded"]);
    expect(messages.map(({ data }) => data)).toEqual([undefined, undefined, undefined]);
    expect([queued?.text(), decoded?.text()]).toEqual(texts);
    expect(() => not?.text()).toThrow(
      new TypeError(
        "the message's memory has been used again: under reuseMemory it is read before the callback returns",
      ),
    );
    expect(() => not?.json()).toThrow(TypeError);
  });

  it("takes them away behind a callback that throws too", async () => {
    const { conn, peer } = connAndRawPeer("server");
    vi.spyOn(console, "error").mockImplementationOnce(() => {}); // there is no route with an error channel
    let kept: Message | undefined;
    const loop = conn.forEach((message) => {
      kept = message;
      throw new Error("of the callback");
    }, REUSE);
    peer.send(rawText("a"));
    expect(await rejectionOf(loop)).toEqual(new Error("of the callback"));
    expect(kept?.data).toBeUndefined();
  });

  const ways: Record<string, (conn: Conn, data: Buffer) => unknown> = {
    writeMessage: (conn, data) => conn.writeMessage(MessageType.binary, data),
    "writeMessage of a part": (conn, data) =>
      conn.writeMessage(MessageType.binary, data.subarray(1)),
    send: (conn, data) => conn.send(data),
    writePreparedMessage: (conn, data) =>
      conn.writePreparedMessage(new PreparedMessage(MessageType.binary, data)),
  };

  it.each(Object.keys(ways))("sends what was written by %s, however late", async (way) => {
    const { conn, peer } = await server();
    const sizes = [100, 16_384, 16_385, 50_000, 200_000, 262_144, 300_000, 900_000, MIB, 2 * MIB];
    const got = deferred();
    let count = 0;
    const from = way === "writeMessage of a part" ? 1 : 0;
    void conn.forEach((message) => {
      void ways[way]?.(conn, message.data);
      if (++count === sizes.length * 3) got.resolve();
    }, REUSE);
    peer.stopReading();
    const sent = [...sizes, ...sizes, ...sizes].map((size, at) => bytesOf(at, size));
    for (const bytes of sent) peer.send(rawBinary(bytes));
    await within(got.promise, () => `${sent.length} messages, there were ${count}`);
    expect(conn.bufferedAmount).toBeGreaterThan(0);
    peer.resumeReading();
    for (const bytes of sent) {
      const { payload } = await peer.readFrame();
      expect(hash(payload)).toBe(hash(bytes.subarray(from)));
    }
  });

  it.each(["writeMessage", "send"])(
    "copies by %s what the next read will write over",
    async (way) => {
      const { conn, peer } = await server();
      let next = deferred();
      void conn.forEach((message) => {
        void ways[way]?.(conn, message.data);
        next.resolve();
      }, REUSE);
      peer.stopReading();
      const first = Buffer.alloc(16 * MIB);
      void conn.writeMessage(MessageType.binary, first);
      const sent = [1, 2, 3].map((seed) => bytesOf(seed, 50_000));
      for (const bytes of sent) {
        peer.send(rawBinary(bytes));
        await within(next.promise, "the message");
        next = deferred();
      }
      expect(conn.bufferedAmount).toBeGreaterThan(150_000);
      peer.resumeReading();
      expect((await peer.readFrame()).payload.equals(first)).toBe(true);
      for (const bytes of sent) expect(hash((await peer.readFrame()).payload)).toBe(hash(bytes));
    },
  );

  it("passes messages on to a connection that is slow", async () => {
    const [from, to] = [await server(), await server()];
    void from.conn.forEach(
      (message) => to.conn.writeMessage(message.type, message.data).catch(() => {}),
      REUSE,
    );
    to.peer.stopReading();
    const sent = Array.from({ length: 30 }, (_, at) => bytesOf(at, (at * 977_351) % (2 * MIB)));
    for (const bytes of sent) from.peer.send(rawBinary(bytes));
    await idle(20);
    to.peer.resumeReading();
    for (const bytes of sent) expect(hash((await to.peer.readFrame()).payload)).toBe(hash(bytes));
  });

  it("waits for a promise of the callback; what comes meanwhile is kept whole", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    const gates = [0, 1, 2].map(() => deferred());
    const seen: string[] = [];
    const loop = conn.forEach((message) => {
      seen.push(hash(message.data));
      return gates[seen.length - 1]?.promise;
    }, REUSE);
    const sent = [0, 1, 2].map((at) => bytesOf(at, MIB));
    // As TLS does: the socket pauses behind the first one, and gives what was under way.
    for (const bytes of sent) {
      const frame = rawBinary(bytes);
      for (let at = 0; at < frame.length; at += 100_000)
        conn.netConn.emit("data", Buffer.from(frame.subarray(at, at + 100_000)));
    }
    expect(seen).toHaveLength(1);
    // Others use the memory that has come back.
    const other = await server();
    const others = deferred();
    let count = 0;
    void other.conn.forEach(() => (++count === 5 ? others.resolve() : undefined), REUSE);
    for (let at = 10; at < 15; at++) other.peer.send(rawBinary(bytesOf(at, MIB)));
    await within(others.promise, () => `5 messages, there were ${count}`);
    for (const gate of gates) {
      gate.resolve();
      await idle();
    }
    expect(seen).toEqual(sent.map(hash));
    peer.send(rawClose(1000));
    await loop;
  });

  it("gives the next reader messages of its own", async () => {
    const { conn, peer } = await server();
    const failed = conn.forEach(() => {}, REUSE);
    peer.send(rawClose(1000));
    await failed;
    const next = await server();
    const [one, two] = [bytesOf(1, 5000), bytesOf(2, 5000)];
    const first = next.conn.readMessage();
    next.peer.send(rawBinary(one));
    const kept = await first;
    next.peer.send(rawBinary(two));
    expect((await next.conn.readMessage()).data.equals(two)).toBe(true);
    expect(kept.data.equals(one)).toBe(true);
  });

  it("is a boolean", async () => {
    const { conn } = connAndRawPeer("server");
    const options = { reuseMemory: "yes" } as unknown as { reuseMemory: boolean };
    expect(await rejectionOf(conn.forEach(() => {}, options))).toEqual(
      new TypeError("reuseMemory must be a boolean, got string"),
    );
    conn.terminate();
  });
});
