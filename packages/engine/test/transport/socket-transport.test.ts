/** What a connection is told by its socket, whatever kind of stream that is. */
import { deferred, nextEvent, within } from "@longwire/testkit";
import { Duplex } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { SocketTransport } from "../../src/transport/socket-transport.ts";
import type { TransportEvents } from "../../src/transport/transport.ts";
import { tcp } from "./tcp.ts";

class EventLog implements TransportEvents {
  readonly events: string[] = [];
  readonly #closed = deferred<Error | undefined>();

  /** The socket's error, once it is gone. */
  get closed(): Promise<Error | undefined> {
    return within(this.#closed.promise, "the socket's end");
  }

  onBytes(chunk: Buffer, end: number): void {
    this.events.push(`bytes ${chunk.toString("utf8", 0, end)}`);
  }

  onEnd(): void {
    this.events.push("end");
  }

  onClosed(error: Error | undefined): void {
    this.events.push(error === undefined ? "closed" : `closed ${error.message}`);
    this.#closed.resolve(error);
  }

  onWritten(): void {
    this.events.push("written");
  }
}

/** A stream whose writes are confirmed by the test. */
class ManualStream extends Duplex {
  readonly written: string[] = [];
  confirm: ((error?: Error) => void) | undefined;

  constructor(o: { autoDestroy?: boolean } = {}) {
    super({ autoDestroy: o.autoDestroy ?? true });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.written.push(chunk.toString());
    this.confirm = done;
  }

  override _writev(
    chunks: Array<{ chunk: Buffer; encoding: BufferEncoding }>,
    done: (error?: Error) => void,
  ): void {
    this.written.push(chunks.map(({ chunk }) => chunk.toString()).join("|"));
    this.confirm = done;
  }
}

function over(socket: Duplex): { transport: SocketTransport; log: EventLog } {
  const log = new EventLog();
  return { transport: new SocketTransport(socket, log), log };
}

async function tick(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("SocketTransport, reading", () => {
  it("begins with resume(), stops with pause(), and tells the end", async () => {
    const stream = new ManualStream();
    const { transport, log } = over(stream);
    stream.push("one");
    await tick();
    expect(log.events).toEqual([]);
    transport.resume();
    await tick();
    transport.pause();
    stream.push("two");
    stream.push(null);
    await tick();
    expect(log.events).toEqual(["bytes one"]);
    transport.resume();
    await tick();
    expect(log.events).toEqual(["bytes one", "bytes two", "end"]);
    transport.destroy();
  });

  it("tells an end that came before it took the socket over", async () => {
    const stream = new ManualStream();
    stream.push(null);
    stream.resume();
    await nextEvent(stream, "end");
    const { log } = over(stream);
    await tick();
    expect(log.events).toEqual(["end"]);
    stream.destroy();
  });
});

describe("SocketTransport, writing", () => {
  it("writes one piece as it is and several as one write", async () => {
    const stream = new ManualStream();
    const { transport } = over(stream);
    transport.write([Buffer.from("a")]);
    stream.confirm?.();
    await tick();
    transport.write([Buffer.from("b"), Buffer.from("c"), Buffer.from("d")]);
    expect(stream.written).toEqual(["a", "b|c|d"]);
    transport.destroy();
  });

  it("says true when the stream has taken all at once, and tells nothing later", async () => {
    const { socket, peer } = await tcp();
    const { transport, log } = over(socket);
    expect(transport.write([Buffer.from("a"), Buffer.from("b")])).toBe(true);
    expect((await peer.readBytes(2)).toString()).toBe("ab");
    expect(log.events).toEqual([]);
    transport.destroy();
  });

  it("says false when the stream has not, and tells when it has, once", async () => {
    const stream = new ManualStream();
    const { transport, log } = over(stream);
    expect(transport.write([Buffer.from("a"), Buffer.from("b")])).toBe(false);
    await tick();
    expect(log.events).toEqual([]);
    stream.confirm?.();
    await tick();
    expect(log.events).toEqual(["written"]);
    expect(transport.write([Buffer.from("c")])).toBe(false);
    stream.confirm?.();
    await tick();
    expect(log.events).toEqual(["written", "written"]);
    transport.destroy();
  });

  it("does not call written what an error kept from being written", async () => {
    const stream = new ManualStream();
    const { transport, log } = over(stream);
    transport.write([Buffer.from("a")]);
    stream.confirm?.(new Error("EPIPE"));
    expect(await log.closed).toMatchObject({ message: "EPIPE" });
    expect(log.events).toEqual(["closed EPIPE"]);
  });

  it("says false on a destroyed stream: its end is yet to be told", async () => {
    const { socket } = await tcp();
    const { transport, log } = over(socket);
    socket.destroy();
    expect(transport.write([Buffer.from("a")])).toBe(false);
    await log.closed;
    expect(log.events).toEqual(["closed"]);
  });

  it("end() lets out what is written and keeps reading", async () => {
    const { socket, peer } = await tcp();
    peer.stream.allowHalfOpen = true;
    const { transport, log } = over(socket);
    transport.resume();
    transport.write([Buffer.from("last")]);
    transport.end();
    expect((await peer.readToEnd()).toString()).toBe("last");
    peer.send("still here");
    peer.end();
    await log.closed;
    expect(log.events).toEqual(["bytes still here", "end", "closed"]);
  });
});

describe("SocketTransport, the end", () => {
  it("tells the socket's error, once", async () => {
    const { socket, peer } = await tcp();
    const { transport, log } = over(socket);
    transport.resume();
    peer.reset();
    expect(await log.closed).toMatchObject({ code: "ECONNRESET" });
    transport.destroy();
    await tick();
    expect(log.events).toHaveLength(1);
  });

  it("destroys a stream that does not do so itself behind an error", async () => {
    const stream = new ManualStream({ autoDestroy: false });
    const { log } = over(stream);
    stream.emit("error", new Error("broken"));
    expect(await log.closed).toMatchObject({ message: "broken" });
    expect(stream.destroyed).toBe(true);
  });

  it("tells of a socket that was gone before", async () => {
    const stream = new ManualStream();
    stream.destroy();
    await tick();
    const { transport, log } = over(stream);
    expect(await log.closed).toBeUndefined();
    transport.pause();
    transport.resume();
    transport.end();
    transport.destroy();
    expect(log.events).toEqual(["closed"]);
  });
});

describe("SocketTransport, the socket's settings", () => {
  it("switches Nagle and idle timeouts off, and keep-alive on with the first pause", async () => {
    const { socket } = await tcp();
    socket.setTimeout(60_000); // as the option `timeout` of an HTTP server does
    const set = {
      noDelay: vi.spyOn(socket, "setNoDelay"),
      timeout: vi.spyOn(socket, "setTimeout"),
      keepAlive: vi.spyOn(socket, "setKeepAlive"),
    };
    const { transport } = over(socket);
    expect(set.noDelay).toHaveBeenCalledWith(true);
    expect(set.timeout).toHaveBeenCalledWith(0);
    expect(socket.timeout).toBe(0);
    expect(set.keepAlive).not.toHaveBeenCalled();
    transport.pause();
    transport.resume();
    transport.pause();
    expect(set.keepAlive.mock.calls).toEqual([[true, 60_000]]);
    transport.destroy();
  });

  it("remembers the peer's address beyond the socket's end", async () => {
    const { socket } = await tcp();
    const { transport, log } = over(socket);
    expect(transport.localAddress).toBe("127.0.0.1");
    transport.destroy();
    await log.closed;
    expect(transport.remoteAddress).toBe("127.0.0.1");
  });
});
