/** What a connection says about itself, and the helpers around it. */
import {
  connAndRawPeer,
  connPair,
  memoryDuplexPair,
  rawClose,
  rawFrame,
  rawText,
} from "@longwire/testkit";
import type { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import {
  CloseError,
  formatCloseMessage,
  isCloseError,
  isUnexpectedCloseError,
  joinMessages,
  openConn,
  toDuplex,
  type Conn,
} from "../../src/index.ts";
import { idle, rejectionOf, tcpPair } from "./harness.ts";

function open(socket: Duplex, extra: Partial<Parameters<typeof openConn>[2]> = {}): Conn {
  const init = { role: "server", options: {}, subprotocol: "", extensions: "", ...extra } as const;
  return openConn(socket, Buffer.alloc(0), init);
}

describe("Conn", () => {
  it("tells what was negotiated", () => {
    const [socket] = memoryDuplexPair();
    const conn = open(socket, { subprotocol: "chat", extensions: "permessage-deflate" });
    expect([conn.subprotocol, conn.extensions]).toEqual(["chat", "permessage-deflate"]);
    conn.terminate();
  });

  it("tells the socket and its addresses, or the peer's as a trusted proxy tells it", async () => {
    const { conn, socket } = await tcpPair("server");
    expect(conn.netConn).toBe(socket);
    expect([conn.localAddress, conn.remoteAddress]).toEqual(["127.0.0.1", "127.0.0.1"]);
    conn.terminate();
    await conn.closed;
    expect(conn.remoteAddress).toBe("127.0.0.1"); // known also when the socket no longer is
    const [stream] = memoryDuplexPair();
    const proxied = open(stream, { remoteAddress: "192.0.2.1" });
    expect([proxied.localAddress, proxied.remoteAddress]).toEqual([undefined, "192.0.2.1"]);
    proxied.terminate();
  });

  it("has an id of its own that stays", () => {
    const conns = Array.from({ length: 10 }, () => connAndRawPeer("server").conn);
    const ids = conns.map((conn) => conn.id);
    expect(new Set(ids).size).toBe(10);
    expect(conns.map((conn) => conn.id)).toEqual(ids);
  });

  it("keeps its user's data, empty at first and its own", () => {
    const [one, other] = [connAndRawPeer("server").conn, connAndRawPeer("server").conn];
    expect(one.data).toEqual({});
    Object.assign(one.data, { user: "ada" });
    expect([one.data, other.data]).toEqual([{ user: "ada" }, {}]);
  });
});

describe("a socket without what net.Socket has", () => {
  it("works all the same", async () => {
    const { server, client } = connPair();
    for (const method of ["setNoDelay", "setKeepAlive", "setTimeout"]) {
      expect(method in server.netConn).toBe(false);
    }
    void client.writeMessage(1, "hello");
    expect((await server.readMessage()).text()).toBe("hello");
  });
});

describe("toDuplex()", () => {
  it("writes each chunk as a message and reads the bytes of all messages", async () => {
    const { server, client } = connPair();
    const stream = toDuplex(server);
    stream.write("one");
    stream.write(Buffer.from("two"));
    expect(await client.readMessage()).toMatchObject({ type: 2, data: Buffer.from("one") });
    expect((await client.readMessage()).text()).toBe("two");
    void client.writeMessage(1, "three ");
    void client.writeMessage(2, Buffer.from("four"));
    void client.close();
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    expect(text).toBe("three four");
  });

  it("writes text when that is asked for", async () => {
    const { server, client } = connPair();
    toDuplex(server, { type: 1 }).write("é");
    expect(await client.readMessage()).toMatchObject({ type: 1, data: Buffer.from("é") });
  });

  it("closes with 1000 when it is ended", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const stream = toDuplex(conn);
    stream.resume();
    stream.end("last");
    expect((await peer.readFrame()).payload.toString()).toBe("last");
    expect((await peer.readClose()).code).toBe(1000);
    peer.send(rawClose(1000));
    await new Promise<void>((resolve) => stream.on("close", resolve));
    expect(stream.errored).toBeNull();
  });

  it("terminates when it is destroyed", async () => {
    const { conn } = connAndRawPeer("server");
    toDuplex(conn).destroy();
    expect(await conn.closed).toMatchObject({ code: 1006 });
  });

  it("errs with an end that is none of the ordinary", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const stream = toDuplex(conn);
    const failed = new Promise((resolve) => stream.on("error", resolve));
    stream.resume();
    peer.send(rawClose(4000));
    expect(await failed).toMatchObject({ code: 4000 });
  });

  it("holds back both ways", async () => {
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false, readQueueBytes: 10_000 });
    const stream = toDuplex(conn);
    for (let count = 0; count < 100; count++) peer.send(rawText("x".repeat(10_000)));
    stream.once("readable", () => {});
    await idle(20);
    expect(peer.stream.writableLength).toBeGreaterThan(500_000);
    peer.stopReading();
    let accepted = 0;
    while (stream.write(Buffer.alloc(10_000)) && accepted < 1000) {
      accepted++;
      await idle(2);
    }
    expect(accepted).toBeLessThan(50);
    stream.destroy();
  });
});

describe("joinMessages()", () => {
  async function join(conn: Conn, terminator?: string | Uint8Array): Promise<string> {
    let text = "";
    for await (const piece of joinMessages(conn, terminator)) text += piece.toString();
    return text;
  }

  it("gives messages one behind the other, with the terminator after each", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText("a"), rawText(""), rawText("b"), rawClose(1000)]));
    expect(await join(conn, "\n")).toBe("a\n\nb\n");
  });

  it("takes bytes for a terminator, and none", async () => {
    for (const [terminator, expected] of [
      [Buffer.from("--"), "a--b--"],
      [undefined, "ab"],
    ] as const) {
      const { conn, peer } = connAndRawPeer("server");
      peer.send(Buffer.concat([rawText("a"), rawText("b"), rawClose(1001)]));
      expect(await join(conn, terminator)).toBe(expected);
    }
  });

  it("gives pieces before a message is complete", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const pieces = joinMessages(conn);
    const first = pieces.next();
    await idle();
    peer.send(rawFrame({ opcode: 1, fin: false, payload: "half" }));
    expect((await first).value?.toString()).toBe("half");
    conn.terminate();
  });

  it("ends as iteration does: quietly after a close of ours, else with the error", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const joined = join(conn);
    await idle();
    void conn.close(4001);
    peer.send(rawClose(4001));
    expect(await joined).toBe("");
    const { conn: other, peer: otherPeer } = connAndRawPeer("server");
    otherPeer.send(rawClose(4001));
    expect(await rejectionOf(join(other))).toMatchObject({ code: 4001 });
  });
});

describe("joinMessages() inside a message", () => {
  it("throws also for an ordinary end: truncation is seen", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const pieces = joinMessages(conn);
    const first = pieces.next();
    await idle();
    peer.send(rawFrame({ opcode: 1, fin: false, payload: "half" }));
    peer.send(rawClose(1000));
    expect((await first).value?.toString()).toBe("half");
    expect(await rejectionOf(pieces.next())).toMatchObject({ code: 1000 });
  });
});

describe("gorilla's helpers", () => {
  const close = (code: number): CloseError => new CloseError({ code, reason: "", wasClean: true });

  it("formatCloseMessage makes the payload of a close frame", () => {
    expect(formatCloseMessage(1000, "ok").toString("hex")).toBe("03e86f6b");
    expect(formatCloseMessage(1005).length).toBe(0);
    expect(() => formatCloseMessage(1006)).toThrow(RangeError);
    expect(() => formatCloseMessage(1000, "x".repeat(124))).toThrow(RangeError);
  });

  it("isCloseError: one of the codes, also as a cause", () => {
    expect(isCloseError(close(1000), 1000, 1001)).toBe(true);
    expect(isCloseError(close(1002), 1000, 1001)).toBe(false);
    expect(isCloseError(close(1000))).toBe(false);
    expect(isCloseError(new Error("x", { cause: close(1000) }), 1000)).toBe(true);
    for (const other of [new Error("x"), undefined, null, "1000", { code: 1000 }]) {
      expect(isCloseError(other, 1000)).toBe(false);
    }
  });

  it("isUnexpectedCloseError: none of the codes, also as a cause", () => {
    expect(isUnexpectedCloseError(close(1002), 1000, 1001)).toBe(true);
    expect(isUnexpectedCloseError(close(1000), 1000, 1001)).toBe(false);
    expect(isUnexpectedCloseError(close(1000))).toBe(true);
    expect(isUnexpectedCloseError(new Error("x", { cause: close(1006) }), 1000)).toBe(true);
    expect(isUnexpectedCloseError(new Error("x"), 1000)).toBe(false);
  });

  it("end with circles of causes", () => {
    const circle = new Error("circle");
    circle.cause = circle;
    expect(isCloseError(circle, 1000)).toBe(false);
  });
});
