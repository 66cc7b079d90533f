/** Long messages: compressed in slices, between turns of the event loop, and still one frame. */
import { nextEvent, within } from "@longwire/testkit";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { PreparedMessage } from "../../src/index.ts";
import { rejectionOf, stateOf } from "../conn/harness.ts";
import { CompressedConn } from "./compressed-conn.ts";
import { Seeded } from "./sample-text.ts";

const LONG = new Seeded(47).json(700_000);
/** Slices of 64 KiB in {@link LONG}. */
const SLICES = Math.ceil(LONG.length / 65_536);

/** Counts the turns of the event loop until `promise` is settled. */
async function turnsUntil(promise: Promise<unknown>): Promise<number> {
  let turns = 0;
  const count = (): void => {
    turns++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  try {
    await promise;
  } finally {
    clearImmediate(next);
  }
  return turns;
}

/** Both ends of a TCP connection that may be half open, as those of node:http are. */
async function tcpStreams(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await nextEvent(server, "listening");
  const { port } = server.address() as AddressInfo; // of a server that listens on a port
  const theirs = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [ours] = await nextEvent(server, "connection");
  server.close();
  return [ours as Socket, theirs]; // what the event gives
}

describe("a message above 256 KiB", () => {
  it.each([
    ["bytes", LONG],
    ["text", LONG.toString()],
  ])("of %s lets the event loop turn between its slices", async (_kind, message) => {
    const pair = new CompressedConn();
    const written = pair.conn.writeMessage(1, message);
    const received = pair.read();
    expect(await turnsUntil(received)).toBeGreaterThanOrEqual(SLICES);
    const { frames, data } = await received;
    expect(frames).toHaveLength(1);
    expect(data.equals(LONG)).toBe(true);
    await within(written, "the write");
    pair.conn.terminate();
  });

  it("one of 256 KiB goes at once", async () => {
    const pair = new CompressedConn();
    const message = LONG.subarray(0, 262_144);
    pair.conn.send(message);
    expect(pair.conn.bufferedAmount).toBeLessThan(message.length); // it is its frame that waits
    expect((await pair.read()).data.equals(message)).toBe(true);
  });

  it("counts as buffered, and send() says so", async () => {
    const pair = new CompressedConn();
    expect(pair.conn.send(LONG)).toBe(false);
    expect(pair.conn.bufferedAmount).toBe(LONG.length);
    const drained = pair.conn.drained();
    expect(await stateOf(drained)).toBe("pending");
    expect((await pair.read()).data.equals(LONG)).toBe(true);
    await within(drained, "the buffer to drain");
    expect(pair.conn.bufferedAmount).toBe(0);
  });

  it("other messages wait behind it, in call order; control frames do not", async () => {
    const pair = new CompressedConn();
    const writes = [
      pair.conn.writeMessage(1, "before"),
      pair.conn.writeMessage(2, LONG),
      pair.conn.writeMessage(1, "behind"),
      pair.conn.writePreparedMessage(new PreparedMessage(1, "prepared")),
      pair.conn.nextWriter(1).then(async (writer) => {
        await writer.write("in pieces");
        await writer.close();
      }),
      pair.conn.writeMessage(2, LONG),
    ];
    const ping = pair.conn.writeControl(9, "passes");
    expect((await pair.read()).data.toString()).toBe("before");
    expect(await pair.peer.readFrame()).toMatchObject({ opcode: 9 });
    await ping;
    for (const expected of [LONG, "behind", "prepared", "in pieces", LONG]) {
      expect((await pair.read()).data.equals(Buffer.from(expected))).toBe(true);
    }
    await Promise.all(writes);
  });

  it("pings of the peer are answered meanwhile", async () => {
    const pair = new CompressedConn();
    void pair.conn.forEach(() => {});
    pair.conn.send(LONG);
    pair.sendFrame({ opcode: 9, payload: "now" });
    expect(await pair.peer.readFrame()).toMatchObject({ opcode: 0xa, payload: Buffer.from("now") });
    expect((await pair.read()).data.equals(LONG)).toBe(true);
  });

  it("its context is there for the next one", async () => {
    const pair = new CompressedConn({ negotiated: { serverMaxWindowBits: 15 } });
    await pair.conn.writeMessage(2, LONG.subarray(-20_000));
    const alone = (await pair.read()).payload.length;
    pair.conn.send(LONG);
    pair.conn.send(LONG.subarray(-20_000));
    expect((await pair.read()).data.equals(LONG)).toBe(true);
    const behind = await pair.read();
    expect(behind.data.equals(LONG.subarray(-20_000))).toBe(true);
    expect(behind.payload.length).toBeLessThan(alone / 3);
  });

  it("goes out whole before a close frame", async () => {
    const pair = new CompressedConn();
    const written = pair.conn.writeMessage(2, LONG);
    const closed = pair.conn.close(4000, "done");
    expect((await pair.read()).data.equals(LONG)).toBe(true);
    await written;
    expect(await pair.peer.readClose()).toEqual({ code: 4000, reason: "done" });
    pair.sendFrame({ opcode: 8, payload: Buffer.from("0fa0", "hex") });
    expect(await within(closed, "the close")).toMatchObject({ code: 4000, wasClean: true });
  });

  it("goes out whole when the peer closes", async () => {
    const pair = new CompressedConn();
    void pair.conn.forEach(() => {});
    pair.conn.send(LONG);
    pair.sendFrame({ opcode: 8, payload: Buffer.from("03e8", "hex") });
    expect((await pair.read()).data.equals(LONG)).toBe(true);
    expect((await pair.peer.readClose()).code).toBe(1000);
    await within(pair.conn.closed, "the end");
  });

  it("goes out whole when the peer has ended its side, and the end of ours follows", async () => {
    const pair = new CompressedConn({ streams: await tcpStreams() });
    void pair.conn.forEach(() => {}).catch(() => {});
    pair.conn.send(LONG);
    pair.peer.end();
    expect((await pair.read()).data.equals(LONG)).toBe(true);
    expect(await pair.peer.ended()).toBe("fin");
    await within(pair.conn.closed, "the end");
  });

  it("is dropped when the connection is terminated, and nothing is compressed any more", async () => {
    const pair = new CompressedConn();
    const written = pair.conn.writeMessage(2, LONG);
    await new Promise<void>((resolve) => setImmediate(resolve));
    pair.conn.terminate();
    expect(await rejectionOf(written)).toMatchObject({ code: "WS_CLOSED" });
    expect(pair.conn.bufferedAmount).toBe(0);
    expect((await pair.peer.readToEnd()).length).toBe(0);
  });

  it("is dropped when the peer resets", async () => {
    const pair = new CompressedConn();
    void pair.conn.forEach(() => {});
    const written = pair.conn.writeMessage(2, LONG);
    pair.peer.reset();
    expect(await rejectionOf(written)).toMatchObject({ code: "WS_CLOSED" });
    await within(pair.conn.closed, "the end");
  });

  it("counts against maxBufferedAmount", async () => {
    const pair = new CompressedConn({ options: { maxBufferedAmount: 1_000_000 } });
    const first = pair.conn.writeMessage(2, LONG);
    const second = pair.conn.writeMessage(2, LONG);
    expect(await rejectionOf(second)).toMatchObject({ code: "WS_BUFFER_LIMIT" });
    expect(await rejectionOf(first)).toMatchObject({ code: "WS_BUFFER_LIMIT" });
    expect(await within(pair.conn.closed, "the end")).toMatchObject({ code: 1013 });
  });

  it("an abort withdraws it while it waits, and only ends the wait once it has begun", async () => {
    const pair = new CompressedConn();
    const [started, waiting] = [new AbortController(), new AbortController()];
    const first = pair.conn.writeMessage(2, LONG, { signal: started.signal });
    const second = pair.conn.writeMessage(2, LONG, { signal: waiting.signal });
    await new Promise<void>((resolve) => setImmediate(resolve));
    started.abort("enough");
    waiting.abort("never mind");
    expect(await rejectionOf(first)).toBe("enough");
    expect(await rejectionOf(second)).toBe("never mind");
    pair.conn.send("next");
    expect((await pair.read()).data.equals(LONG)).toBe(true);
    expect((await pair.read()).data.toString()).toBe("next");
  });

  it("a passed write deadline ends it", async () => {
    const pair = new CompressedConn();
    const written = pair.conn.writeMessage(2, LONG);
    pair.conn.setWriteDeadline(Date.now() - 1);
    expect(await rejectionOf(written)).toMatchObject({ code: "WS_WRITE_DEADLINE" });
    await within(pair.conn.closed, "the end");
  });

  it("a client masks it and sends one frame too", async () => {
    const pair = new CompressedConn({ role: "client" });
    await pair.conn.writeMessage(2, LONG);
    const { frames, data } = await pair.read();
    expect([frames.length, frames[0]?.masked]).toEqual([1, true]);
    expect(data.equals(LONG)).toBe(true);
    await pair.conn.writePreparedMessage(new PreparedMessage(2, LONG));
    expect((await pair.read()).data.equals(LONG)).toBe(true);
  });

  it("goes out plain at once with `compress: false`", async () => {
    const pair = new CompressedConn();
    const received = pair.read();
    await pair.conn.writeMessage(2, LONG, { compress: false });
    expect((await received).payload.equals(LONG)).toBe(true);
  });
});

describe("a prepared message above 256 KiB", () => {
  it("is compressed once, between turns, for all that write it", async () => {
    const message = new PreparedMessage(2, LONG);
    const pairs = Array.from({ length: 4 }, () => new CompressedConn());
    const writes = pairs.map(({ conn }) => conn.writePreparedMessage(message));
    const received = await Promise.all(pairs.map((pair) => pair.read()));
    for (const { data, payload, frames } of received) {
      expect(frames).toHaveLength(1);
      expect(data.equals(LONG)).toBe(true);
      expect(payload.equals(received[0]?.payload ?? Buffer.alloc(0))).toBe(true);
    }
    await Promise.all(writes);
    // It is there for the next one that asks.
    const late = new CompressedConn();
    expect(await turnsUntil(late.conn.writePreparedMessage(message))).toBeLessThan(SLICES);
    expect((await late.read()).data.equals(LONG)).toBe(true);
  });

  it("one connection that ends leaves it to the others", async () => {
    const message = new PreparedMessage(2, LONG);
    const [first, second] = [new CompressedConn(), new CompressedConn()];
    const lost = first.conn.writePreparedMessage(message);
    const written = second.conn.writePreparedMessage(message);
    first.conn.terminate();
    expect(await rejectionOf(lost)).toMatchObject({ code: "WS_CLOSED" });
    expect((await second.read()).data.equals(LONG)).toBe(true);
    await written;
  });

  it("the last that ends stops it, and a later one begins anew", async () => {
    const message = new PreparedMessage(2, LONG);
    const first = new CompressedConn();
    const lost = first.conn.writePreparedMessage(message);
    first.conn.terminate();
    expect(await rejectionOf(lost)).toMatchObject({ code: "WS_CLOSED" });
    const second = new CompressedConn();
    const written = second.conn.writePreparedMessage(message);
    expect((await second.read()).data.equals(LONG)).toBe(true);
    await written;
  });
});
