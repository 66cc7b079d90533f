/** Writes past the stream: what goes out, and what the writer is told, must not depend on it. */
import { deferred } from "@longwire/testkit";
import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { writableHandle } from "../../src/transport/direct-write.ts";
import type * as Module from "../../src/transport/socket-transport.ts";
import { tcp } from "./tcp.ts";

const PUBLIC_ONLY = process.env["LONGWIRE_PUBLIC_API_ONLY"] === "1";
const MORE_THAN_A_SOCKET_TAKES = 16 * 1024 * 1024;

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

/** The transport as it is loaded with or without leave to use what is not public. */
async function load(publicOnly: boolean): Promise<typeof Module> {
  vi.stubEnv("LONGWIRE_PUBLIC_API_ONLY", publicOnly ? "1" : "0");
  vi.resetModules();
  return import("../../src/transport/socket-transport.ts");
}

async function transportOver(publicOnly: boolean) {
  const { SocketTransport } = await load(publicOnly);
  const { socket, peer } = await tcp();
  const streamed = vi.spyOn(socket, "write");
  let written = deferred();
  const closed = deferred<Error | undefined>();
  const events = {
    onBytes: () => {},
    onEnd: () => {},
    onClosed: closed.resolve,
    onWritten: () => written.resolve(),
  };
  const transport = new SocketTransport(socket, events, Buffer.alloc(64));
  transport.resume();
  const nextWritten = (): Promise<void> => {
    written = deferred();
    return written.promise;
  };
  return { transport, socket, peer, streamed, nextWritten, closed: closed.promise };
}

/** Bytes whose place can be told from their value. */
function pattern(length: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => at * 7 + (at >> 8) + seed));
}

describe.each([false, true])("a transport's writes, public functions only: %s", (publicOnly) => {
  it("go out in order, in one piece or several", async () => {
    const { transport, peer, streamed } = await transportOver(publicOnly);
    const pieces = [pattern(3, 1), pattern(1000, 2), new Uint8Array([1, 2, 3]), pattern(20_000, 3)];
    expect(transport.write([pieces[0]!])).toBe(true);
    expect(transport.write(pieces)).toBe(true);
    const sent = Buffer.concat([pieces[0]!, ...pieces]);
    expect((await peer.readBytes(sent.length)).equals(sent)).toBe(true);
    expect(streamed.mock.calls.length).toBe(publicOnly ? 5 : 0);
    transport.destroy();
  });

  it("that the kernel does not take at once are told when it has, the end behind them", async () => {
    const { transport, peer, nextWritten, closed } = await transportOver(publicOnly);
    const head = pattern(5, 4);
    const big = pattern(MORE_THAN_A_SOCKET_TAKES, 5);
    const written = nextWritten();
    expect(transport.write([head, big])).toBe(false);
    transport.end();
    const received = await peer.readBytes(head.length + big.length);
    await written;
    expect(received.subarray(0, 5).equals(head)).toBe(true);
    expect(received.subarray(5).equals(big)).toBe(true);
    peer.stream.end();
    expect(await closed).toBeUndefined();
  });

  it("follow what was written to the socket itself and waits", async () => {
    const { transport, socket, peer, nextWritten } = await transportOver(publicOnly);
    const first = pattern(MORE_THAN_A_SOCKET_TAKES, 6);
    socket.write(first);
    const written = nextWritten();
    expect(transport.write([Buffer.from("behind")])).toBe(false);
    const received = await peer.readBytes(first.length + 6);
    expect(received.subarray(-6).toString()).toBe("behind");
    await written;
    transport.destroy();
  });

  it("are given up when the socket is destroyed, and never told as written", async () => {
    const { transport, nextWritten, closed } = await transportOver(publicOnly);
    let told = false;
    void nextWritten().then(() => (told = true));
    expect(transport.write([pattern(MORE_THAN_A_SOCKET_TAKES, 7)])).toBe(false);
    transport.destroy();
    expect(await closed).toBeUndefined();
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(told).toBe(false);
    expect(transport.write([Buffer.from("late")])).toBe(false);
  });

  it("that a reset leaves half done end the connection with the system's error", async () => {
    const { transport, peer, closed } = await transportOver(publicOnly);
    transport.pause(); // so that no read finds out, where that is not Node's stream
    expect(transport.write([pattern(MORE_THAN_A_SOCKET_TAKES, 8)])).toBe(false);
    peer.reset();
    const syscall = publicOnly ? "read" : "write";
    expect(await closed).toMatchObject({ syscall, code: "ECONNRESET" });
  });

  it("to a peer that has reset the connection end it with the system's error", async () => {
    const { transport, peer, closed } = await transportOver(publicOnly);
    transport.pause();
    peer.reset();
    await new Promise<void>((resolve) => setImmediate(resolve));
    transport.write([Buffer.from("x")]);
    transport.write([Buffer.from("y")]);
    expect(await closed).toBeInstanceOf(Error);
  });
});

describe("writableHandle()", () => {
  it("is there for TCP sockets of every Node that is supported", async () => {
    const { socket, peer } = await tcp();
    expect(writableHandle(socket) === undefined).toBe(PUBLIC_ONLY);
    socket.destroy();
    expect(writableHandle(socket)).toBeUndefined();
    peer[Symbol.dispose]();
  });

  it("is not for what is no plain socket of Node's", () => {
    expect(writableHandle(new PassThrough())).toBeUndefined();
    const unconnected = new Socket();
    expect(writableHandle(unconnected)).toBeUndefined();
    unconnected.destroy();
  });
});
