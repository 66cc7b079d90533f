/** Groups: who gets what, in which order, in how many writes. */
import { connPair, memoryDuplexPair } from "@longwire/testkit";
import fc from "fast-check";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { BroadcastGroup, MessageType, PreparedMessage } from "../../src/index.ts";
import type { Conn } from "../../src/index.ts";
import { CompressedConn } from "../compression/compressed-conn.ts";

/** Two Conns that have negotiated compression with context takeover. */
function compressedPair(): { server: Conn; client: Conn } {
  const [ours, theirs] = memoryDuplexPair();
  const { conn: server } = new CompressedConn({ streams: [ours, new PassThrough()] });
  const { conn: client } = new CompressedConn({
    role: "client",
    streams: [theirs, new PassThrough()],
  });
  return { server, client };
}

const { text, binary, ping } = MessageType;

async function readTexts(conn: Conn, count: number): Promise<string[]> {
  const texts: string[] = [];
  for (let at = 0; at < count; at++) texts.push((await conn.readMessage()).text());
  return texts;
}

/** Counts what reaches the socket of a connection. */
function countWrites(conn: Conn): () => number {
  let writes = 0;
  const write = conn.netConn.write.bind(conn.netConn);
  conn.netConn.write = (...given: unknown[]) => {
    writes++;
    return Reflect.apply(write, undefined, given) as boolean;
  };
  return () => writes;
}

async function turn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("a broadcast group", () => {
  it("gives each member what is broadcast in one turn in one write", async () => {
    const group = new BroadcastGroup();
    const pairs = [connPair(), connPair()];
    for (const { server } of pairs) group.add(server);
    const writes = pairs.map(({ server }) => countWrites(server));
    for (let at = 0; at < 100; at++) expect(group.broadcast(text, `${at}`)).toBe(2);
    for (const { client } of pairs) {
      expect(await readTexts(client, 100)).toEqual(Array.from({ length: 100 }, (_, at) => `${at}`));
    }
    expect(writes.map((count) => count())).toEqual([1, 1]);
  });

  describe("gathers", () => {
    let now = 0;
    beforeEach(() => {
      now = 0;
      vi.spyOn(performance, "now").mockImplementation(() => now);
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });

    function oneMember(): { group: BroadcastGroup; client: Conn; writes: () => number } {
      const group = new BroadcastGroup();
      const { server, client } = connPair();
      group.add(server);
      return { group, client, writes: countWrites(server) };
    }

    it("nothing behind a single message", async () => {
      const { group, writes } = oneMember();
      group.broadcast(text, "alone");
      expect(writes()).toBe(0);
      await turn();
      expect(writes()).toBe(1);
    });

    it("what further turns bring behind several", async () => {
      const { group, client, writes } = oneMember();
      for (const said of ["a", "b"]) group.broadcast(text, said);
      await turn();
      group.broadcast(text, "c");
      await turn();
      group.broadcast(text, "d");
      await turn();
      expect(writes()).toBe(0);
      await turn();
      expect(writes()).toBe(1); // a turn brought nothing
      expect(await readTexts(client, 4)).toEqual(["a", "b", "c", "d"]);
    });

    it("for a quarter of a millisecond", async () => {
      const { group, client, writes } = oneMember();
      const written: number[] = [];
      for (let at = 0; at < 4; at++) {
        for (const said of ["a", "b"]) group.broadcast(text, said);
        await turn();
        written.push(writes());
        now += 0.1;
      }
      expect(written).toEqual([0, 0, 0, 1]);
      expect(await readTexts(client, 8)).toHaveLength(8);
    });

    it("no more than a batch takes", async () => {
      const { group, client, writes } = oneMember();
      const said = "x".repeat(10_000);
      for (let at = 0; at < 7; at++) group.broadcast(text, said);
      expect(writes()).toBe(1); // at 64 KiB, in the turn
      for (let at = 0; at < 2; at++) group.broadcast(text, said);
      await turn();
      expect(writes()).toBe(1); // the full batch's turn is not that of the next one
      await turn();
      expect(writes()).toBe(2);
      for (let at = 0; at < 8; at++) group.broadcast(text, said);
      await turn();
      expect(writes()).toBe(4); // the eighth alone
      expect(await readTexts(client, 17)).toHaveLength(17);
    });

    it("nothing past what the member is sent otherwise", async () => {
      const group = new BroadcastGroup();
      const { server, client } = connPair();
      group.add(server);
      const writes = countWrites(server);
      for (const said of ["a", "b"]) group.broadcast(text, said);
      await turn();
      expect(writes()).toBe(0);
      server.send("c");
      group.broadcast(text, "d");
      await server.close();
      expect(await readTexts(client, 4)).toEqual(["a", "b", "c", "d"]);
    });
  });

  it("sends text, bytes, the empty message, long messages and prepared ones of any type", async () => {
    const group = new BroadcastGroup();
    const { server, client } = connPair();
    group.add(server);
    const long = Buffer.alloc(100_000, 7);
    group.broadcast(text, "é");
    group.broadcast(binary, Uint8Array.of(1, 2, 3));
    group.broadcast(binary, new ArrayBuffer(0));
    group.broadcast(binary, long);
    group.broadcastPrepared(new PreparedMessage(text, "prepared"));
    group.broadcastPrepared(new PreparedMessage(ping, "p"));
    group.broadcast(text, "last");
    const pinged = new Promise<string>((resolve) => {
      client.setPingHandler((payload) => resolve(payload.toString()));
    });
    const messages = [];
    for (let at = 0; at < 6; at++) messages.push(await client.readMessage());
    expect(messages.map(({ type, data }) => [type, data.length])).toEqual([
      [text, 2],
      [binary, 3],
      [binary, 0],
      [binary, 100_000],
      [text, 8],
      [text, 4],
    ]);
    expect(messages[3]?.data.equals(long)).toBe(true);
    expect(await pinged).toBe("p");
    expect(() => group.broadcast(ping as 1, "")).toThrow(
      /must be 1 \(text\) or 2 \(binary\), got 9/,
    );
    expect(() => group.broadcast(text, Uint8Array.of(0xff))).toThrow(/not valid UTF-8/);
  });

  it("reaches members that mask or compress, each in its own frames", async () => {
    const group = new BroadcastGroup();
    const plain = connPair();
    const compressed = compressedPair();
    const members = [plain.server, plain.client, compressed.server, compressed.client];
    for (const member of members) group.add(member);
    const message = "a message that is long enough to be compressed. ".repeat(20);
    expect(group.broadcast(text, message)).toBe(4);
    const readers = [plain.client, plain.server, compressed.client, compressed.server];
    for (const reader of readers) expect(await readTexts(reader, 1)).toEqual([message]);
  });

  it("keeps the order of broadcasts in several groups for a member of all", async () => {
    const groups = [new BroadcastGroup(), new BroadcastGroup(), new BroadcastGroup()];
    const { server, client } = connPair();
    for (const group of groups) group.add(server);
    for (let at = 0; at < 9; at++) groups[at % 3]?.broadcast(text, `${at}`);
    expect(await readTexts(client, 9)).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
  });

  it("gives what was broadcast before to a member that leaves or closes in the same turn", async () => {
    const group = new BroadcastGroup();
    const leaving = connPair();
    const closing = connPair();
    group.add(leaving.server);
    group.add(closing.server);
    group.broadcast(text, "before");
    expect(group.delete(leaving.server)).toBe(true);
    expect(group.delete(leaving.server)).toBe(false);
    void closing.server.close(4000);
    group.broadcast(text, "behind");
    leaving.server.send("direct");
    expect(await readTexts(leaving.client, 2)).toEqual(["before", "direct"]);
    expect(await readTexts(closing.client, 1)).toEqual(["before"]);
    await expect(closing.client.readMessage()).rejects.toMatchObject({ code: 4000 });
    await closing.server.closed;
    expect(group.size).toBe(0);
  });

  it("tells of members whose connection has ended, and takes none that has", async () => {
    const ended: Conn[] = [];
    const group = new BroadcastGroup((conn) => ended.push(conn));
    const { server } = connPair();
    expect(group.add(server)).toBe(true);
    expect(group.add(server)).toBe(false);
    group.broadcast(text, "x");
    server.terminate();
    expect([ended.length, group.has(server), [...group].length]).toEqual([1, false, 0]);
    expect(group.add(server)).toBe(false);
    expect(group.broadcast(text, "nobody")).toBe(0);
    await turn();
  });

  it("may be used by those whom the flush tells of an end", async () => {
    const group = new BroadcastGroup(() => group.broadcast(text, "somebody left"));
    const slow = connPair({ server: { maxBufferedAmount: 10_000, writeWaterMark: 1000 } });
    const fine = connPair();
    group.add(fine.server);
    group.add(slow.server);
    slow.server.send(Buffer.alloc(500_000)); // nobody reads it: what follows waits, up to the maximum
    let sent = 0;
    for (; group.has(slow.server); sent++) {
      group.broadcast(text, "x".repeat(5000));
      await turn();
    }
    const texts = await readTexts(fine.client, sent + 1);
    expect(texts.filter((one) => one === "somebody left")).toHaveLength(1);
  });

  it("delivers everything in call order, whatever is done while it gathers", async () => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    onTestFinished(() => clock.mockRestore());
    const step = fc.record({
      what: fc.constantFrom("broadcast", "except", "send", "leave", "join", "turn"),
      group: fc.nat(1),
      conn: fc.nat(2),
      size: fc.constantFrom(0, 10, 3000, 20_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const groups = [new BroadcastGroup(), new BroadcastGroup()];
        const pairs = [connPair(), connPair(), connPair()];
        const expected: string[][] = [[], [], []];
        let count = 0;
        for (const { what, group: g, conn: c, size } of steps) {
          const group = groups[g]!;
          const { server } = pairs[c]!;
          const message = `${count++} ${"x".repeat(size)}`;
          if (what === "join") group.add(server);
          else if (what === "leave") group.delete(server);
          else if (what === "turn") await turn();
          else if (what === "send") {
            server.send(message);
            expected[c]!.push(message);
          } else {
            const except = new Set(what === "except" ? [server] : []);
            pairs.forEach((pair, at) => {
              if (group.has(pair.server) && !except.has(pair.server)) expected[at]!.push(message);
            });
            group.broadcast(text, message, except);
          }
        }
        await turn();
        for (const [at, { client, server }] of pairs.entries()) {
          void server.close();
          const got: string[] = [];
          for await (const message of client) got.push(message.text());
          expect(got).toEqual(expected[at]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
