/** Reads into one buffer: what a connection is told must not depend on it. */
import { deferred } from "@longwire/testkit";
import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { readInto } from "../../src/transport/shared-read.ts";
import { SocketTransport } from "../../src/transport/socket-transport.ts";
import { tcp } from "./tcp.ts";

const PUBLIC_ONLY = process.env["LONGWIRE_PUBLIC_API_ONLY"] === "1";

/** Everything that a transport tells, with each chunk's bytes as they were during the call. */
function record(socket: Socket, memory: Buffer | undefined) {
  const ended = deferred<Error | undefined>();
  const finished = deferred();
  const received: Buffer[] = [];
  const chunks = new Set<Buffer>();
  let waiting: { bytes: number; done: () => void } | undefined;
  const total = (): number => received.reduce((sum, piece) => sum + piece.length, 0);
  const transport = new SocketTransport(
    socket,
    {
      onBytes: (chunk, end) => {
        chunks.add(chunk);
        received.push(Buffer.from(chunk.subarray(0, end)));
        if (waiting !== undefined && total() >= waiting.bytes) waiting.done();
      },
      onEnd: finished.resolve,
      onClosed: ended.resolve,
      onWritten: () => {},
    },
    memory,
  );
  return {
    transport,
    chunks,
    bytes: () => Buffer.concat(received),
    until: (bytes: number) => {
      const reached = deferred();
      if (total() >= bytes) reached.resolve();
      waiting = { bytes, done: reached.resolve };
      return reached.promise;
    },
    finished: finished.promise,
    ended: ended.promise,
  };
}

describe("reading into one buffer", () => {
  it("is what accepted TCP sockets do, unless public functions alone are wanted", async () => {
    const memory = Buffer.alloc(4096);
    const { socket, peer } = await tcp();
    const log = record(socket, memory);
    log.transport.resume();
    peer.send(Buffer.from("hello"));
    await log.until(5);
    expect(log.bytes().toString()).toBe("hello");
    expect(log.chunks.has(memory)).toBe(!PUBLIC_ONLY);
    log.transport.destroy();
    await log.ended;
  });

  it.each([true, false])("gives the bytes in order through pauses, with it: %s", async (shared) => {
    const { socket, peer } = await tcp();
    const log = record(socket, shared ? Buffer.alloc(1000) : undefined);
    const sent = Buffer.from(
      Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff),
    );
    log.transport.resume();
    peer.send(sent);
    for (const bytes of [1, 50_000, 120_000, 299_999]) {
      await log.until(bytes);
      log.transport.pause();
      await new Promise<void>((resolve) => setImmediate(resolve));
      log.transport.resume();
    }
    await log.until(sent.length);
    expect(log.bytes().equals(sent)).toBe(true);
    peer.stream.end();
    await log.finished;
    log.transport.end();
    expect(await log.ended).toBeUndefined();
  });

  it("begins behind what the socket had received before", async () => {
    const { socket, peer } = await tcp();
    const log = record(socket, Buffer.alloc(64));
    socket.unshift(Buffer.from("early "));
    log.transport.resume();
    peer.send(Buffer.from("late"));
    await log.until(10);
    expect(log.bytes().toString()).toBe("early late");
    log.transport.destroy();
  });

  it("tells of a reset", async () => {
    const { socket, peer } = await tcp();
    const log = record(socket, Buffer.alloc(64));
    log.transport.resume();
    peer.send(Buffer.from("x"));
    await log.until(1);
    peer.reset();
    expect(await log.ended).toMatchObject({ code: "ECONNRESET" });
  });

  it("leaves alone what is no plain socket of Node's", () => {
    expect(readInto(Buffer.alloc(1), new PassThrough(), () => true)).toBe(false);
    const unconnected = new Socket();
    expect(readInto(Buffer.alloc(1), unconnected, () => true)).toBe(false);
    unconnected.destroy();
    expect(readInto(Buffer.alloc(1), unconnected, () => true)).toBe(false);
  });

  it("leaves alone a socket whose owner has asked for the same", async () => {
    const { socket, peer } = await tcp();
    const first = Buffer.alloc(64);
    expect(readInto(first, socket, () => true)).toBe(!PUBLIC_ONLY);
    expect(readInto(Buffer.alloc(64), socket, () => true)).toBe(false);
    socket.destroy();
    peer[Symbol.dispose]();
  });
});
