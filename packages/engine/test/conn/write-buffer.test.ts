/** Buffers of message writers and sizes of pieces: gorilla's ReadBufferSize, WriteBufferSize and WriteBufferPool. */
import { connPair } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { MessageType, type BufferPool } from "../../src/index.ts";

class CountingPool implements BufferPool {
  readonly free: Buffer[] = [];
  taken = 0;

  get(): Buffer | undefined {
    this.taken++;
    return this.free.pop();
  }

  put(buffer: Buffer): void {
    this.free.push(buffer);
  }
}

describe("writeBufferPool", () => {
  it("lends a buffer from the first short piece to the end of the message", async () => {
    const writeBufferPool = new CountingPool();
    const { server, client } = connPair({ server: { writeBufferPool, writeBufferSize: 64 } });
    const writer = await server.nextWriter(MessageType.text);
    expect(writeBufferPool.taken).toBe(0);
    await writer.write("one ");
    expect([writeBufferPool.taken, writeBufferPool.free.length]).toEqual([1, 0]);
    await writer.write("two");
    await writer.close();
    expect(writeBufferPool.free.map(({ length }) => length)).toEqual([64]);
    expect((await client.readMessage()).text()).toBe("one two");
    const [kept] = writeBufferPool.free;
    const next = await server.nextWriter(MessageType.text);
    await next.write("x");
    await next.close();
    expect([writeBufferPool.taken, writeBufferPool.free[0] === kept]).toEqual([2, true]);
  });

  it("gets the buffer back from a message that is given up", async () => {
    const writeBufferPool = new CountingPool();
    const { server } = connPair({ server: { writeBufferPool } });
    const writer = await server.nextWriter(MessageType.binary);
    await writer.write("x");
    writer.abort();
    expect(writeBufferPool.free).toHaveLength(1);
  });

  it("is not used for buffers of another size, and must be a pool", async () => {
    const writeBufferPool = new CountingPool();
    writeBufferPool.put(Buffer.alloc(8));
    const { server, client } = connPair({ server: { writeBufferPool, writeBufferSize: 64 } });
    const writer = await server.nextWriter(MessageType.text);
    await writer.write("longer than eight");
    await writer.close();
    expect((await client.readMessage()).text()).toBe("longer than eight");
    const wrong = { get: 1 } as unknown as BufferPool;
    expect(() => connPair({ server: { writeBufferPool: wrong } })).toThrow(
      /writeBufferPool must have methods get and put/,
    );
  });
});

describe("writeBufferSize", () => {
  it("is what a writer collects before it sends a fragment", async () => {
    const { server, client } = connPair({ server: { writeBufferSize: 16 } });
    const writer = await server.nextWriter(MessageType.binary);
    const reader = client.nextReader();
    for (let piece = 0; piece < 4; piece++) await writer.write(Buffer.alloc(7, piece));
    const pieces = await reader;
    // 28 bytes: 16 fill the buffer, the other 12 wait for the end.
    expect((await pieces.next()).value?.length).toBe(16);
    await writer.close();
    expect((await pieces.next()).value?.length).toBe(12);
    expect((await pieces.next()).done).toBe(true);
  });

  it("keeps pieces of calls that nobody awaits in order", async () => {
    const { server, client } = connPair({ server: { writeBufferSize: 8 } });
    const writer = await server.nextWriter(MessageType.text);
    const words = Array.from({ length: 200 }, (_, index) => `${index} `.repeat(1 + (index % 5)));
    void Promise.all(words.map((word) => writer.write(word)));
    void writer.close();
    expect((await client.readMessage()).text()).toBe(words.join(""));
  });
});

describe("readBufferSize", () => {
  it("is the longest piece that a reader gives, whole messages included", async () => {
    const { server, client } = connPair({ server: { readBufferSize: 1000 } });
    const payload = Buffer.from(Array.from({ length: 70_001 }, (_, at) => at % 251));
    void client.writeMessage(MessageType.binary, payload);
    void client.writeMessage(MessageType.binary, payload);
    for (let message = 0; message < 2; message++) {
      const reader = await server.nextReader();
      const pieces: Buffer[] = [];
      for await (const piece of reader) pieces.push(piece);
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(1000);
      expect(Buffer.concat(pieces).equals(payload)).toBe(true);
    }
  });
});
