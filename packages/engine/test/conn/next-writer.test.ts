/** nextWriter: one message in pieces; other messages wait, control frames do not. */
import {
  connAndRawPeer,
  connPair,
  rawClose,
  rawPing,
  type RawPeer,
  within,
  type RawFrame,
} from "@longwire/testkit";
import { describe, expect, it, vi } from "vitest";
import { MessageWriter, PreparedMessage } from "../../src/index.ts";
import { idle, rejectionOf, stateOf } from "./harness.ts";

/** `opcode:payload`, with a `-` behind the opcode of a frame without FIN. */
function brief({ fin, opcode, payload }: RawFrame): string {
  return `${opcode.toString(16)}${fin ? "" : "-"}:${payload.toString()}`;
}

async function frames(peer: RawPeer, count: number): Promise<string[]> {
  const read: string[] = [];
  while (read.length < count) read.push(brief(await peer.readFrame()));
  return read;
}

describe("conn.nextWriter()", () => {
  it("sends fragments as the buffer fills, and the final one with close()", async () => {
    const { conn, peer } = connAndRawPeer("server", { writeBufferSize: 4 });
    const writer = await conn.nextWriter(1);
    expect(writer).toBeInstanceOf(MessageWriter);
    expect(writer.type).toBe(1);
    await writer.write("ab");
    await writer.write("cd");
    await writer.write("e");
    await writer.close();
    expect(await frames(peer, 2)).toEqual(["1-:abcd", "0:e"]);
  });

  it("sends a short message as one frame", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(2);
    await writer.write("one");
    await writer.write(Buffer.from(" frame"));
    await writer.close();
    expect(await frames(peer, 1)).toEqual(["2:one frame"]);
  });

  it("sends an empty message when nothing was written", async () => {
    const { conn, peer } = connAndRawPeer("server");
    await (await conn.nextWriter(1)).close();
    expect(await frames(peer, 1)).toEqual(["1:"]);
  });

  it("flush() sends what there is, and nothing when there is nothing", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.flush();
    await writer.write("a");
    await writer.flush();
    await writer.flush();
    expect(await frames(peer, 1)).toEqual(["1-:a"]);
    await writer.write("b");
    await writer.close();
    expect(await frames(peer, 1)).toEqual(["0:b"]);
  });

  it("sends a piece over the buffer size as one fragment, however long", async () => {
    const { conn, peer } = connAndRawPeer("server", { writeBufferSize: 100 });
    const writer = await conn.nextWriter(2);
    await writer.write(Buffer.alloc(50_000, 1));
    await writer.close();
    const first = await peer.readFrame();
    expect([first.fin, first.payload.length]).toEqual([false, 50_000]);
    expect(await frames(peer, 1)).toEqual(["0:"]);
  });

  it("copies: the caller may use its buffer again at once", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(2);
    for (const size of [3, 30_000]) {
      const bytes = Buffer.alloc(size, 0x61);
      void writer.write(bytes);
      bytes.fill(0x7a);
    }
    await writer.close();
    const payload = Buffer.concat([
      (await peer.readFrame()).payload,
      (await peer.readFrame()).payload,
    ]);
    expect(payload.equals(Buffer.alloc(30_003, 0x61))).toBe(true);
  });

  it("masks every fragment of a client with a key of its own", async () => {
    const { conn, peer } = connAndRawPeer("client");
    const writer = await conn.nextWriter(1);
    for (const piece of ["a", "b"]) {
      await writer.write(piece);
      await writer.flush();
    }
    await writer.close();
    const sent = [await peer.readFrame(), await peer.readFrame(), await peer.readFrame()];
    expect(sent.every(({ masked }) => masked)).toBe(true);
    expect(sent.map(brief)).toEqual(["1-:a", "0-:b", "0:"]);
  });

  it("is what a reader in pieces gets", async () => {
    const { server, client } = connPair();
    const reading = client.nextReader();
    const writer = await server.nextWriter(1);
    await writer.write("first");
    await writer.flush();
    const reader = await reading;
    expect((await reader.next()).value?.toString()).toBe("first");
    await writer.write("second");
    await writer.close();
    expect((await reader.readAll()).toString()).toBe("second");
  });

  it.each([0, 3, 8, 9, "text", undefined])(
    "refuses type %o with a TypeError, and stays free",
    async (type) => {
      const { conn, peer } = connAndRawPeer("server");
      // JavaScript callers can give anything.
      expect(await rejectionOf(conn.nextWriter(type as 1))).toBeInstanceOf(TypeError);
      await conn.writeMessage(1, "free");
      expect(await frames(peer, 1)).toEqual(["1:free"]);
    },
  );
});

describe("behind an open writer", () => {
  it("other messages wait in call order, and go out when it is closed", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("w");
    await writer.flush();
    void conn.writeMessage(1, "one");
    conn.send("two");
    void conn.writeJSON(3);
    void conn.writeMessage(2, Buffer.alloc(20_000, 0x62));
    void conn.writePreparedMessage(new PreparedMessage(1, "four"));
    const second = conn.nextWriter(1);
    void conn.writeMessage(1, "six");
    expect(await frames(peer, 1)).toEqual(["1-:w"]);
    await idle();
    expect(peer.unread.length).toBe(0);
    expect(await stateOf(second)).toBe("pending");
    await writer.close();
    const opened = await second;
    await opened.write("five");
    await opened.close();
    expect(await frames(peer, 8)).toEqual([
      "0:",
      "1:one",
      "1:two",
      "1:3",
      `2:${"b".repeat(20_000)}`,
      "1:four",
      "1:five",
      "1:six",
    ]);
  });

  it("pongs, pings and prepared pings pass, between its fragments", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("a");
    await writer.flush();
    peer.send(rawPing("answer me"));
    await idle();
    void conn.ping("ping");
    await conn.writeControl(10, "unasked");
    await conn.writePreparedMessage(new PreparedMessage(9, "prepared"));
    await writer.close();
    expect(await frames(peer, 6)).toEqual([
      "1-:a",
      "a:answer me",
      "9:ping",
      "a:unasked",
      "9:prepared",
      "0:",
    ]);
  });

  it("a close frame goes at once; what waited and the writer itself are refused", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("a");
    await writer.flush();
    await writer.write("b");
    const waiting = [conn.writeMessage(2, Buffer.alloc(20_000)), conn.nextWriter(1)];
    void conn.close(4000);
    expect(await frames(peer, 1)).toEqual(["1-:a"]);
    expect(await peer.readClose()).toMatchObject({ code: 4000 });
    const [long, next] = waiting;
    for (const refused of [long, next, writer.flush(), writer.close()]) {
      const error = await rejectionOf(refused ?? Promise.resolve());
      expect(error).toMatchObject({ code: "WS_CLOSE_SENT" });
    }
    peer.send(rawClose(4000));
    expect((await peer.readToEnd()).length).toBe(0);
  });

  it("the answer to the peer's close frame goes at once too", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("a");
    await writer.flush();
    const waiting = conn.nextWriter(1);
    peer.send(rawClose(1000));
    expect(await frames(peer, 1)).toEqual(["1-:a"]);
    expect(await peer.readClose()).toMatchObject({ code: 1000 });
    expect(await rejectionOf(waiting)).toMatchObject({ code: "WS_CLOSE_SENT" });
    expect(await rejectionOf(writer.close())).toMatchObject({ code: "WS_CLOSE_SENT" });
    expect(await conn.closed).toMatchObject({ code: 1000, wasClean: true });
  });

  it("a wait for the turn can time out or be aborted: the turn goes to the next", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    const controller = new AbortController();
    const aborted = conn.nextWriter(1, { signal: controller.signal });
    expect(await rejectionOf(conn.nextWriter(1, { timeout: 1 }))).toMatchObject({
      code: "WS_TIMEOUT",
    });
    controller.abort("gone");
    expect(await rejectionOf(aborted)).toBe("gone");
    void conn.writeMessage(1, "next");
    await writer.close();
    expect(await frames(peer, 2)).toEqual(["1:", "1:next"]);
  });
});

describe("a writer's backpressure", () => {
  it("write() waits for room when the peer does not read", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    peer.stopReading();
    const writer = await conn.nextWriter(2);
    let written = 0;
    const writing = (async () => {
      for (; written < 100; written++) await writer.write(Buffer.alloc(10_000));
    })();
    await idle(20);
    expect(written).toBeLessThan(20);
    expect(conn.bufferedAmount).toBeLessThan(100_000);
    peer.resumeReading();
    await writing;
    await writer.close();
    expect(written).toBe(100);
  });

  it("what waits behind it does not hold it up", async () => {
    const { conn, peer } = connAndRawPeer("server", { writeWaterMark: 10 });
    const writer = await conn.nextWriter(1);
    conn.send("far more than the water mark");
    const waiting = conn.writeMessage(1, "and more");
    await within(writer.write("x".repeat(5000)), "room for a piece");
    await within(writer.flush(), "room for a fragment");
    expect(await stateOf(waiting)).toBe("pending");
    await within(writer.close(), "the end of the message");
    await within(waiting, "the message behind it");
    expect((await peer.readFrame()).payload.length).toBe(5000);
    expect(await frames(peer, 3)).toEqual(["0:", "1:far more than the water mark", "1:and more"]);
  });

  it("one that never waits is ended by maxBufferedAmount", async () => {
    const { conn, peer } = connAndRawPeer("server", {
      maxBufferedAmount: 100_000,
      heartbeat: false,
    });
    peer.stopReading();
    const writer = await conn.nextWriter(2);
    for (let count = 0; count < 30; count++) void writer.write(Buffer.alloc(10_000));
    expect(await conn.closed).toMatchObject({ code: 1013 });
    expect(await rejectionOf(writer.close())).toMatchObject({ code: "WS_BUFFER_LIMIT" });
  });
});

describe("text in pieces", () => {
  it("may be cut inside a character", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    for (const byte of Buffer.from("é€👋")) await writer.write(Uint8Array.of(byte));
    await writer.close();
    expect(await frames(peer, 1)).toEqual(["1:é€👋"]);
  });

  it("may be a string cut between the halves of a surrogate pair", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    const text = "👋";
    await writer.write(text.slice(0, 1));
    await writer.write(text.slice(1));
    await writer.close();
    const [frame] = await frames(peer, 1);
    // Each half alone is no character: a string piece must hold whole ones, and becomes U+FFFD otherwise.
    expect(frame).toBe("1:\ufffd\ufffd");
  });

  it("refuses bytes that are not UTF-8; the message can still be completed without them", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("good");
    await writer.write(Uint8Array.of(0xe2, 0x82));
    for (const bad of [[0xff], [0xac, 0xff], [0x41], [0xac, 0xe2, 0x41], [0x82, 0x82]]) {
      expect(await rejectionOf(writer.write(Uint8Array.from(bad)))).toBeInstanceOf(TypeError);
    }
    await writer.write(Uint8Array.of(0xac));
    await writer.close();
    expect(await frames(peer, 1)).toEqual(["1:good€"]);
  });

  it("refuses to end inside a character before anything was sent: nothing goes out", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write(Uint8Array.of(0xc3));
    expect(await rejectionOf(writer.close())).toBeInstanceOf(TypeError);
    await conn.writeMessage(1, "next");
    expect(await frames(peer, 1)).toEqual(["1:next"]);
  });

  it("that ends inside a character behind a fragment closes: the message can't be completed", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("begun");
    await writer.flush();
    await writer.write(Uint8Array.of(0xc3));
    const waiting = conn.writeMessage(2, Buffer.alloc(20_000));
    expect(await rejectionOf(writer.close())).toBeInstanceOf(TypeError);
    expect(await rejectionOf(waiting)).toMatchObject({ code: "WS_CLOSE_SENT" });
    expect(await frames(peer, 1)).toEqual(["1-:begun"]);
    expect((await peer.readClose()).code).toBe(1011);
  });
});

describe("the end of a writer", () => {
  it("refuses everything behind close() with WS_WRITER_CLOSED", async () => {
    const { conn } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.close();
    for (const use of [writer.write("x"), writer.flush(), writer.close()]) {
      expect(await rejectionOf(use)).toMatchObject({ code: "WS_WRITER_CLOSED" });
    }
  });

  it.each([1, null, undefined, {}])("refuses %o as a piece and stays usable", async (piece) => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(2);
    // JavaScript callers can give anything.
    expect(await rejectionOf(writer.write(piece as string))).toBeInstanceOf(TypeError);
    await writer.write("ok");
    await writer.close();
    expect(await frames(peer, 1)).toEqual(["2:ok"]);
  });

  it("await using closes it, unless that has been done", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("a");
    await writer[Symbol.asyncDispose]();
    await writer[Symbol.asyncDispose]();
    expect(await frames(peer, 1)).toEqual(["1:a"]);
  });

  it("harms nobody when the connection ends and nobody awaits it", async () => {
    const { conn } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    conn.terminate();
    void writer.write("x".repeat(10_000));
    void writer.flush();
    void writer.close();
    void writer.close();
    void conn.nextWriter(1);
    await conn.closed;
    await idle();
    expect(conn.readyState).toBe(3);
  });
});

describe("MessageWriter.abort()", () => {
  it("gives up a message of which nothing was sent", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("dropped");
    writer.abort();
    writer.abort();
    expect(await rejectionOf(writer.write("x"))).toMatchObject({ code: "WS_WRITER_CLOSED" });
    await conn.writeMessage(1, "next");
    expect(await frames(peer, 1)).toEqual(["1:next"]);
  });

  it("closes the connection when a fragment was sent: nothing may follow it but its rest", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const writer = await conn.nextWriter(1);
    await writer.write("begun");
    await writer.flush();
    void conn.writeMessage(1, "must not follow");
    writer.abort();
    expect(await frames(peer, 1)).toEqual(["1-:begun"]);
    expect((await peer.readClose()).code).toBe(1011);
  });

  it("does nothing behind close()", async () => {
    const { conn, peer } = connAndRawPeer("server", { writeBufferSize: 1 });
    const writer = await conn.nextWriter(1);
    await writer.write("whole");
    await writer.close();
    writer.abort();
    await conn.writeMessage(1, "next");
    expect(await frames(peer, 3)).toEqual(["1-:whole", "0:", "1:next"]);
  });
});

describe("MessageWriter.toWritableStream()", () => {
  it("writes pieces and ends the message when it is closed", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const stream = (await conn.nextWriter(1)).toWritableStream();
    const writer = stream.getWriter();
    await writer.write("one ");
    await writer.write(Buffer.from("two"));
    await writer.close();
    expect(await frames(peer, 1)).toEqual(["1:one two"]);
  });

  it("frees the connection for others when it is aborted before anything was sent", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const stream = (await conn.nextWriter(1)).toWritableStream();
    const writer = stream.getWriter();
    await writer.write("dropped");
    await writer.abort(new Error("source failed"));
    await conn.writeMessage(1, "next");
    expect(await frames(peer, 1)).toEqual(["1:next"]);
  });

  it("closes the connection when it is aborted in the middle: the message can't be completed", async () => {
    const { conn, peer } = connAndRawPeer("server", { writeBufferSize: 2 });
    const stream = (await conn.nextWriter(1)).toWritableStream();
    const writer = stream.getWriter();
    await writer.write("half");
    await writer.abort(new Error("source failed"));
    expect(await frames(peer, 1)).toEqual(["1-:half"]);
    expect((await peer.readClose()).code).toBe(1011);
  });
});

describe("conn.writePreparedMessage()", () => {
  it("sends the same message to many, masked afresh by clients", async () => {
    const prepared = new PreparedMessage(1, "to all");
    for (const role of ["server", "client"] as const) {
      const { conn, peer } = connAndRawPeer(role);
      await conn.writePreparedMessage(prepared);
      const frame = await peer.readFrame();
      expect([frame.masked, brief(frame)]).toEqual([role === "client", "1:to all"]);
    }
  });

  it("sends prepared control frames and a prepared close", async () => {
    const { conn, peer } = connAndRawPeer("server");
    await conn.writePreparedMessage(new PreparedMessage(10, "p"));
    await conn.writePreparedMessage(new PreparedMessage(8, Buffer.from([0x0f, 0xa0, 0x78])));
    expect(await frames(peer, 1)).toEqual(["a:p"]);
    expect(await peer.readClose()).toEqual({ code: 4000, reason: "x" });
    expect(conn.readyState).toBe(2);
  });

  it("waits for room above the water mark", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    peer.stopReading();
    const prepared = new PreparedMessage(2, Buffer.alloc(50_000));
    const writes = [1, 2, 3].map(() => conn.writePreparedMessage(prepared));
    await idle();
    expect(await stateOf(writes[2]!)).toBe("pending");
    const serverFrame = vi.spyOn(prepared, "serverFrame", "get");
    peer.resumeReading();
    await Promise.all(writes);
    for (let count = 0; count < 3; count++)
      expect((await peer.readFrame()).payload.length).toBe(50_000);
    expect(serverFrame.mock.calls.length).toBeLessThan(3);
  });
});
