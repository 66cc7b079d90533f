/** nextReader: one message in pieces, before it is complete, in bounded memory. */
import {
  connAndRawPeer,
  connPair,
  rawBinary,
  rawClose,
  rawFrame,
  rawPing,
  rawText,
} from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MessageReader, type Conn } from "../../src/index.ts";
import { idle, rejectionOf, stateOf, tcpPair } from "./harness.ts";

afterEach(() => {
  vi.useRealTimers();
});

function fragment(opcode: number, payload: string | Uint8Array, fin = false): Buffer {
  return rawFrame({ opcode, payload, fin });
}

async function nextPiece(reader: MessageReader): Promise<string | undefined> {
  const { value } = await reader.next();
  return value?.toString();
}

describe("conn.nextReader()", () => {
  it("gives pieces before the message is complete, across frames and inside them", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "one "));
    const reader = await waiting;
    expect(reader).toBeInstanceOf(MessageReader);
    expect(reader.type).toBe(1);
    expect(await nextPiece(reader)).toBe("one ");
    const frame = fragment(0, "two three", true);
    peer.send(frame.subarray(0, 10));
    expect(await nextPiece(reader)).toBe("two ");
    expect(reader.ended).toBe(false);
    peer.send(frame.subarray(10));
    expect(await nextPiece(reader)).toBe("three");
    expect(await reader.next()).toEqual({ value: undefined, done: true });
    expect(await reader.next()).toEqual({ value: undefined, done: true });
    expect(reader.ended).toBe(true);
  });

  it("gives what has come of an unfinished message before it was called", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(fragment(2, "there "));
    await idle();
    const reader = await conn.nextReader();
    expect(await nextPiece(reader)).toBe("there ");
    peer.send(fragment(0, "and then", true));
    expect((await reader.readAll()).toString()).toBe("and then");
  });

  it("gives messages that waited, whole and in order", async () => {
    const { conn, peer } = connAndRawPeer(
      "server",
      {},
      Buffer.concat([rawText("a"), rawBinary(Buffer.of(98))]),
    );
    for (const [type, text] of [
      [1, "a"],
      [2, "b"],
    ] as const) {
      const reader = await conn.nextReader();
      expect([reader.type, (await reader.readAll()).toString()]).toEqual([type, text]);
    }
    expect(peer.unread.length).toBe(0);
  });

  it("gives an empty message without a piece", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, ""));
    const reader = await waiting;
    const piece = reader.next();
    peer.send(fragment(0, ""));
    peer.send(fragment(0, "", true));
    expect(await piece).toEqual({ value: undefined, done: true });
    peer.send(rawText(""));
    expect(await (await conn.nextReader()).readAll()).toEqual(Buffer.alloc(0));
  });

  it("answers pings between the pieces", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(Buffer.concat([fragment(1, "a"), rawPing("mid"), fragment(0, "b", true)]));
    expect((await (await waiting).readAll()).toString()).toBe("ab");
    expect(await peer.readFrame()).toMatchObject({ opcode: 10, payload: Buffer.from("mid") });
  });

  it("gives whole messages again behind it", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(
      Buffer.concat([
        fragment(1, "a"),
        fragment(0, "b", true),
        fragment(1, "c"),
        fragment(0, "d", true),
      ]),
    );
    expect((await (await waiting).readAll()).toString()).toBe("ab");
    expect((await conn.readMessage()).text()).toBe("cd");
  });

  it("takes turns with every other way to read", async () => {
    const { server, client } = connPair();
    const sent = Array.from({ length: 60 }, (_, at) => `${at} ${"x".repeat(at * 37)}`);
    for (const text of sent) void client.writeMessage(1, text);
    const read: string[] = [];
    const iterator = server[Symbol.asyncIterator]();
    for (let at = 0; at < sent.length; at++) {
      if (at % 3 === 0) read.push((await server.readMessage()).text());
      else if (at % 3 === 1) read.push((await (await server.nextReader()).readAll()).toString());
      else read.push((await iterator.next()).value?.text() ?? "");
    }
    expect(read).toEqual(sent);
  });
});

describe("the unread rest of a message", () => {
  const reads: ReadonlyArray<readonly [string, (conn: Conn) => Promise<string>]> = [
    ["readMessage", async (conn) => (await conn.readMessage()).text()],
    ["nextReader", async (conn) => (await (await conn.nextReader()).readAll()).toString()],
    ["iteration", async (conn) => (await conn[Symbol.asyncIterator]().next()).value?.text() ?? ""],
    [
      "forEach",
      (conn) => new Promise((resolve) => void conn.forEach((message) => resolve(message.text()))),
    ],
  ];

  it.each(reads)("is discarded by the next read: %s", async (_how, read) => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "begun"));
    const reader = await waiting;
    const next = read(conn);
    peer.send(Buffer.concat([fragment(0, " rest"), fragment(0, " end", true), rawText("next")]));
    expect(await next).toBe("next");
    expect(await reader.next()).toEqual({ value: undefined, done: true });
    conn.terminate();
  });

  it("is discarded also where it waits unparsed", async () => {
    const { conn, peer } = connAndRawPeer("server", { readQueueBytes: 1000, readLimit: 1e9 });
    const waiting = conn.nextReader();
    peer.send(rawBinary(Buffer.alloc(300_000)));
    peer.send(rawText("next"));
    const reader = await waiting;
    await reader.next();
    expect((await conn.readMessage()).text()).toBe("next");
  });

  it("ends a next() that waits", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "x"));
    const reader = await waiting;
    await reader.next();
    const piece = reader.next();
    const read = conn.readMessage();
    expect(await piece).toEqual({ value: undefined, done: true });
    peer.send(Buffer.concat([fragment(0, "", true), rawText("next")]));
    expect((await read).text()).toBe("next");
  });

  it("is discarded by leaving its loop; the next message is whole", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "a"));
    for await (const piece of await waiting) if (piece.length > 0) break;
    peer.send(Buffer.concat([fragment(0, "b", true), rawText("next")]));
    expect((await conn.readMessage()).text()).toBe("next");
  });

  it("counts for its own message's limit and for no other", async () => {
    const { conn, peer } = connAndRawPeer("server", { readLimit: 100 });
    const waiting = conn.nextReader();
    peer.send(fragment(2, Buffer.alloc(60)));
    await waiting;
    const next = conn.readMessage();
    peer.send(Buffer.concat([fragment(0, Buffer.alloc(40), true), rawBinary(Buffer.alloc(100))]));
    expect((await next).data.length).toBe(100);
  });
});

describe("memory of a streamed message", () => {
  it("stays below the water mark, however long the message: the socket waits", async () => {
    const { conn, peer } = connAndRawPeer("server", {
      readLimit: Infinity,
      readQueueBytes: 10_000,
    });
    const waiting = conn.nextReader();
    const message = rawBinary(Buffer.alloc(2_000_000, 1));
    for (let at = 0; at < message.length; at += 5000) peer.send(message.subarray(at, at + 5000));
    const reader = await waiting;
    await idle(30);
    expect(reader.bufferedBytes).toBeLessThan(10_000 + 5000);
    expect(peer.stream.writableLength).toBeGreaterThan(1_000_000);
    let length = 0;
    for await (const piece of reader) length += piece.length;
    expect(length).toBe(2_000_000);
  });

  it("holds the read limit", async () => {
    const { conn, peer } = connAndRawPeer("server", { readLimit: 10 });
    const waiting = conn.nextReader();
    peer.send(fragment(2, Buffer.alloc(10)));
    const reader = await waiting;
    peer.send(fragment(0, Buffer.alloc(1)));
    expect(await nextPiece(reader)).toHaveLength(10);
    expect(await rejectionOf(reader.next())).toMatchObject({ code: "WS_READ_LIMIT" });
    expect((await peer.readClose()).code).toBe(1009);
  });
});

describe("the end inside a message", () => {
  it("comes behind the pieces that have arrived, from the reader and from later reads", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(Buffer.concat([fragment(1, "half"), rawClose(1001, "off")]));
    const reader = await waiting;
    expect(await nextPiece(reader)).toBe("half");
    const error = await rejectionOf(reader.next());
    expect(error).toMatchObject({ name: "CloseError", code: 1001, reason: "off" });
    expect(await rejectionOf(reader.next())).toBe(error);
    expect(await rejectionOf(conn.nextReader())).toBe(error);
  });

  it("rejects a next() that waits, and readAll()", async () => {
    const { conn, peer } = await tcpPair("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "half"));
    const all = (await waiting).readAll();
    await idle();
    peer.end();
    expect(await rejectionOf(all)).toMatchObject({ code: 1006 });
  });

  it("harms nobody when nobody awaits the piece", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "half"));
    const reader = await waiting;
    await reader.next();
    void reader.next();
    void reader.next(); // a second one at a time is misuse, also unheard
    conn.terminate();
    await conn.closed;
    await idle();
    void reader.next();
    void reader.readAll();
    await idle();
    expect(reader.ended).toBe(true);
  });

  it("harms nobody when nobody awaits the whole", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "half"));
    void (await waiting).readAll();
    conn.terminate();
    await conn.closed;
    await idle();
    expect(conn.readyState).toBe(3);
  });

  it("is a violation when the text is not UTF-8, at the piece where it shows", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, Buffer.of(0x61, 0xc3)));
    const reader = await waiting;
    expect(await reader.next()).toMatchObject({ value: Buffer.of(0x61, 0xc3) });
    peer.send(fragment(0, Buffer.of(0x28)));
    expect(await rejectionOf(reader.next())).toMatchObject({ code: "WS_UTF8_INVALID" });
    expect((await peer.readClose()).code).toBe(1007);
  });

  it("ends the reader when this side closes", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "half"));
    const reader = await waiting;
    await reader.next();
    const piece = reader.next();
    void conn.close(1000);
    await peer.readClose();
    peer.send(Buffer.concat([fragment(0, "rest", true), rawClose(1000)]));
    const state = await Promise.race([
      piece.then(
        () => "ended",
        () => "ended",
      ),
      idle(20),
    ]);
    expect(state).toBe("ended");
    expect(await conn.closed).toMatchObject({ code: 1000 });
  });
});

describe("waiting for a message", () => {
  it("times out softly: the next read gets the message whole", async () => {
    const { conn, peer } = connAndRawPeer("server");
    expect(await rejectionOf(conn.nextReader({ timeout: 1 }))).toMatchObject({
      code: "WS_TIMEOUT",
    });
    peer.send(fragment(1, "a"));
    peer.send(fragment(0, "b", true));
    expect((await conn.readMessage()).text()).toBe("ab");
  });

  it("can be aborted: the next read gets the message whole", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const controller = new AbortController();
    const waiting = conn.nextReader({ signal: controller.signal });
    controller.abort("stop");
    expect(await rejectionOf(waiting)).toBe("stop");
    peer.send(fragment(1, "a"));
    await idle();
    peer.send(fragment(0, "b", true));
    expect((await conn.readMessage()).text()).toBe("ab");
  });

  it("fails by the read deadline, also inside a message", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    const waiting = conn.nextReader();
    peer.stream.write(fragment(1, "half"));
    const reader = await waiting;
    conn.setReadDeadline(Date.now() + 1000);
    expect(await nextPiece(reader)).toBe("half");
    const piece = reader.next();
    await vi.advanceTimersByTimeAsync(999);
    expect(await stateOf(piece)).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    const error = await rejectionOf(piece);
    expect(error).toMatchObject({ code: "WS_READ_DEADLINE" });
    expect(await rejectionOf(conn.nextReader())).toBe(error);
  });
});

describe("MessageReader.next()", () => {
  it("takes one call at a time", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "a"));
    const reader = await waiting;
    await reader.next();
    const piece = reader.next();
    expect(await rejectionOf(reader.next())).toBeInstanceOf(TypeError);
    peer.send(fragment(0, "b", true));
    expect(await piece).toMatchObject({ value: Buffer.from("b") });
  });
});

describe("MessageReader.toReadableStream()", () => {
  it("is the same pieces as a Web Stream", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "one "));
    const stream = (await waiting).toReadableStream();
    peer.send(fragment(0, "two", true));
    let text = "";
    for await (const piece of stream) text += Buffer.from(piece).toString();
    expect(text).toBe("one two");
  });

  it("discards the rest when it is cancelled", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "one"));
    await (await waiting).toReadableStream().cancel();
    peer.send(Buffer.concat([fragment(0, "two", true), rawText("next")]));
    expect((await conn.readMessage()).text()).toBe("next");
  });

  it("errs with the connection's end", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "one"));
    const web = (await waiting).toReadableStream().getReader();
    expect((await web.read()).value).toEqual(Buffer.from("one"));
    peer.send(rawClose(4000));
    expect(await rejectionOf(web.read())).toMatchObject({ code: 4000 });
  });
});

describe("pieces that wait", () => {
  it("are joined while they are short, and stay in order with long ones", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(2, ""));
    const reader = await waiting;
    const sizes = [1, 1, 1023, 1024, 5, 5000, 2, 1000, 1000, 1000, 1000, 1000, 3];
    for (const [at, size] of sizes.entries()) peer.send(fragment(0, Buffer.alloc(size, at)));
    await idle(20);
    peer.send(fragment(0, "", true));
    const lengths: number[] = [];
    const bytes: Buffer[] = [];
    for await (const piece of reader) {
      lengths.push(piece.length);
      bytes.push(piece);
    }
    expect(lengths).toEqual([1025, 1024, 5, 5000, 4002, 1003]);
    expect(Buffer.concat(bytes)).toEqual(
      Buffer.concat(sizes.map((size, at) => Buffer.alloc(size, at))),
    );
  });

  it("belong to the reader once they are taken: later ones do not touch them", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const waiting = conn.nextReader();
    peer.send(fragment(1, "begin"));
    const reader = await waiting;
    await reader.next();
    peer.send(Buffer.concat([fragment(0, "aa"), fragment(0, "bb")]));
    await idle();
    const first = (await reader.next()).value;
    peer.send(Buffer.concat([fragment(0, "cc"), fragment(0, "dd", true)]));
    await idle();
    const second = (await reader.next()).value;
    expect([first?.toString(), second?.toString()]).toEqual(["aabb", "ccdd"]);
  });
});
