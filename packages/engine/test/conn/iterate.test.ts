/** `for await (const message of conn)`: what it gives, how it ends, and that leaving it loses nothing. */
import { connAndRawPeer, connPair, rawClose, rawFrame, rawText } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { CloseError, ProtocolError, type Conn } from "../../src/index.ts";
import { idle, rejectionOf, stateOf, tcpPair } from "./harness.ts";

/** Iterates to the end. */
async function collect(conn: Conn): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of conn) texts.push(message.text());
  return texts;
}

describe("for await", () => {
  it("gives every message, those that came before it and those that come while its body waits", async () => {
    const { conn, peer } = connAndRawPeer("server", {}, rawText("0"));
    peer.send(rawText("1"));
    const read: string[] = [];
    for await (const message of conn) {
      read.push(message.text());
      if (read.length === 2) peer.send(Buffer.concat([rawText("2"), rawText("3"), rawClose(1000)]));
      await idle();
    }
    expect(read).toEqual(["0", "1", "2", "3"]);
  });

  it("loses nothing with break: a second loop goes on", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat(["a", "b", "c", "d"].map(rawText)));
    for await (const message of conn) if (message.text() === "b") break;
    expect(conn.readyState).toBe(1);
    expect((await conn.readMessage()).text()).toBe("c");
    peer.send(rawClose(1000));
    expect(await collect(conn)).toEqual(["d"]);
  });

  it("loses nothing when its body throws", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat(["a", "b"].map(rawText)));
    const boom = new Error("body");
    const loop = (async () => {
      for await (const message of conn) throw new Error(message.text(), { cause: boom });
    })();
    expect(await rejectionOf(loop)).toMatchObject({ message: "a", cause: boom });
    expect((await conn.readMessage()).text()).toBe("b");
  });

  it("takes turns with other reads in its body", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat(["a", "b", "c", "d"].map(rawText)));
    const pairs: string[] = [];
    for await (const message of conn) {
      pairs.push(message.text() + (await conn.readMessage()).text());
      if (pairs.length === 2) break;
    }
    expect(pairs).toEqual(["ab", "cd"]);
  });

  it("gives a message to whom it was meant for when two iterators take turns", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const [one, other] = [conn[Symbol.asyncIterator](), conn[Symbol.asyncIterator]()];
    peer.send(Buffer.concat(["a", "b"].map(rawText)));
    expect((await other.next()).value?.text()).toBe("a");
    expect((await one.next()).value?.text()).toBe("b");
  });

  it("stays done once it was left", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const iterator = conn[Symbol.asyncIterator]();
    peer.send(Buffer.concat(["a", "b"].map(rawText)));
    await iterator.next();
    expect(await iterator.return?.()).toEqual({ value: undefined, done: true });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect((await conn.readMessage()).text()).toBe("b");
  });
});

describe("for await ends quietly", () => {
  it.each([1000, 1001])("when the peer closes with %i", async (code) => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText("last"), rawClose(code, "bye")]));
    expect(await collect(conn)).toEqual(["last"]);
    expect(await collect(conn)).toEqual([]);
  });

  it("when the peer closes without a code", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawClose());
    expect(await collect(conn)).toEqual([]);
  });

  it.each([1000, 4001, 1011])("when this side closes with %i", async (code) => {
    const { server, client } = connPair();
    const loop = collect(server);
    await idle();
    void server.close(code);
    void collect(client).catch(() => {});
    expect(await loop).toEqual([]);
  });

  it("when this side closes and the peer answers with another code", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const loop = collect(conn);
    void conn.close(1000);
    await peer.readClose();
    peer.send(rawClose(4999));
    expect(await loop).toEqual([]);
  });

  it("when this side closes and the peer never answers", async () => {
    const { conn } = connAndRawPeer("server");
    const loop = collect(conn);
    void conn.close(1000, "", { timeout: 1 });
    expect(await loop).toEqual([]);
  });

  it("when this side terminates", async () => {
    const { conn } = connAndRawPeer("server");
    const loop = collect(conn);
    conn.terminate();
    expect(await loop).toEqual([]);
  });
});

describe("for await throws", () => {
  it.each([1002, 1008, 1011, 1012, 3000, 4000])(
    "CloseError when the peer closes with %i",
    async (code) => {
      const { conn, peer } = connAndRawPeer("server");
      peer.send(Buffer.concat([rawText("last"), rawClose(code, "why")]));
      const read: string[] = [];
      const loop = (async () => {
        for await (const message of conn) read.push(message.text());
      })();
      const error = await rejectionOf(loop);
      expect(error).toBeInstanceOf(CloseError);
      expect(error).toMatchObject({ code, reason: "why", wasClean: true });
      expect(read).toEqual(["last"]);
    },
  );

  it("CloseError 1006 when TCP ends in the middle of a message: truncation is seen", async () => {
    const { conn, peer } = await tcpPair("server");
    peer.send(rawFrame({ opcode: 1, fin: false, payload: "half" }));
    const loop = collect(conn);
    await idle();
    peer.end();
    expect(await rejectionOf(loop)).toMatchObject({ code: 1006, wasClean: false });
  });

  it("ProtocolError when the peer breaks a rule", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawFrame({ opcode: 1, mask: false, payload: "x" }));
    const error = await rejectionOf(collect(conn));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code: "WS_MASK_MISSING" });
  });

  it("once; after that the iterator is done", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(rawClose(4000));
    const iterator = conn[Symbol.asyncIterator]();
    expect(await rejectionOf(iterator.next())).toMatchObject({ code: 4000 });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
  });

  it("nothing into the void: a next() that nobody awaits harms nobody", async () => {
    const { conn, peer } = connAndRawPeer("server");
    void conn[Symbol.asyncIterator]().next();
    peer.send(rawClose(4000));
    await conn.closed;
    await idle();
    expect(conn.readyState).toBe(3);
  });
});

describe("backpressure", () => {
  it("an iteration that stands still stops the socket, and goes on where it was", async () => {
    const { conn, peer } = connAndRawPeer("server", { readQueueMessages: 4, readQueueBytes: 1000 });
    const iterator = conn[Symbol.asyncIterator]();
    const sent = Array.from({ length: 300 }, (_, at) => `${at} ${"x".repeat(500)}`);
    for (const text of sent) peer.send(rawText(text));
    const read = [(await iterator.next()).value?.text()];
    await idle(20);
    expect(peer.stream.writableLength).toBeGreaterThan(0);
    while (read.length < sent.length) read.push((await iterator.next()).value?.text());
    expect(read).toEqual(sent);
    expect(await stateOf(iterator.next())).toBe("pending");
    conn.terminate();
  });
});
