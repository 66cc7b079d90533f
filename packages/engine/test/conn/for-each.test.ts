/** forEach, the synchronous way to read: order, backpressure, errors. */
import { connAndRawPeer, connPair, deferred, rawClose, rawFrame, rawText } from "@longwire/testkit";
import { describe, expect, it, vi } from "vitest";
import { openConn, runHandler } from "../../src/index.ts";
import { idle, rejectionOf, stateOf } from "./harness.ts";

/** Messages as one chunk. */
function chunk(...texts: string[]): Buffer {
  return Buffer.concat(texts.map(rawText));
}

describe("conn.forEach()", () => {
  it("gives what waited, then what comes, in order", async () => {
    const { conn, peer } = connAndRawPeer("server", {}, chunk("a", "b"));
    const read: string[] = [];
    const loop = conn.forEach((message) => void read.push(message.text()));
    expect(read).toEqual(["a", "b"]);
    peer.send(chunk("c", "d"));
    peer.send(rawClose(1000));
    await loop;
    expect(read).toEqual(["a", "b", "c", "d"]);
  });

  it("calls back while the bytes are parsed, not a promise later", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const order: string[] = [];
    void conn.forEach((message) => {
      order.push(message.text());
      queueMicrotask(() => order.push(`microtask of ${message.text()}`));
    });
    peer.send(chunk("a", "b"));
    await idle();
    expect(order).toEqual(["a", "b", "microtask of a", "microtask of b"]);
  });

  it("waits for a promise of the callback before the next message", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const gates = [deferred(), deferred(), deferred()];
    const begun: string[] = [];
    const loop = conn.forEach((message) => {
      begun.push(message.text());
      return gates[begun.length - 1]?.promise;
    });
    peer.send(chunk("a", "b"));
    peer.send(chunk("c"));
    await idle();
    expect(begun).toEqual(["a"]);
    gates[0]?.resolve();
    await idle();
    expect(begun).toEqual(["a", "b"]);
    gates[1]?.resolve();
    gates[2]?.resolve();
    await idle();
    expect(begun).toEqual(["a", "b", "c"]);
    peer.send(rawClose(1000));
    await loop;
  });

  it("waits for anything with a then method", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const begun: string[] = [];
    let goOn: (() => void) | undefined;
    void conn.forEach((message) => {
      begun.push(message.text());
      // oxlint-disable-next-line unicorn/no-thenable -- a promise of another library
      return { then: (resolve: () => void) => (goOn = resolve) } as unknown as Promise<void>;
    });
    peer.send(chunk("a", "b"));
    await idle();
    expect(begun).toEqual(["a"]);
    goOn?.();
    await idle();
    expect(begun).toEqual(["a", "b"]);
    conn.terminate();
  });

  it("stops reading from the socket while the callback waits", async () => {
    const { conn, peer } = connAndRawPeer("server", { readQueueBytes: 1000, readQueueMessages: 4 });
    const gate = deferred();
    let count = 0;
    const loop = conn.forEach(() => (++count === 1 ? gate.promise : undefined));
    for (let at = 0; at < 300; at++) peer.send(rawText("x".repeat(500)));
    await idle(20);
    expect(count).toBe(1);
    expect(peer.stream.writableLength).toBeGreaterThan(0);
    gate.resolve();
    peer.send(rawClose(1000));
    await loop;
    expect(count).toBe(300);
  });

  it("handles at most 1,024 messages a turn, and the others in the next ones", async () => {
    const { conn, peer } = connAndRawPeer("server");
    let count = 0;
    const counts: number[] = [];
    const loop = conn.forEach(() => void count++);
    const sample = (): void => {
      if (counts.at(-1) !== count) counts.push(count);
      if (count < 5000) setImmediate(sample);
    };
    peer.send(Buffer.concat(Array.from({ length: 5000 }, () => rawText("x"))));
    setImmediate(sample);
    peer.send(rawClose(1000));
    await loop;
    expect(count).toBe(5000);
    const steps = counts.map((value, at) => value - (counts[at - 1] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(1024);
  });

  it("lets the callback close the connection: nothing is given after that", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const read: string[] = [];
    const loop = conn.forEach((message) => {
      read.push(message.text());
      if (message.text() === "b") void conn.close(4001);
    });
    peer.send(chunk("a", "b", "c"));
    peer.send(chunk("d"));
    expect((await peer.readClose()).code).toBe(4001);
    peer.send(Buffer.concat([chunk("e"), rawClose(4001)]));
    await loop;
    expect(read).toEqual(["a", "b"]);
  });

  it("lets the callback terminate in the middle of a chunk", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const read: string[] = [];
    const loop = conn.forEach((message) => {
      read.push(message.text());
      conn.terminate();
    });
    peer.send(chunk("a", "b"));
    await loop;
    expect(read).toEqual(["a"]);
    expect(await conn.closed).toMatchObject({ code: 1006 });
  });

  it.each([undefined, null, "function", {}])("refuses %o with a TypeError", async (callback) => {
    const { conn, peer } = connAndRawPeer("server");
    // JavaScript callers can give anything.
    expect(await rejectionOf(conn.forEach(callback as never))).toBeInstanceOf(TypeError);
    peer.send(rawText("a"));
    expect((await conn.readMessage()).text()).toBe("a");
  });
});

describe("forEach ends as iteration does", () => {
  it.each([1000, 1001])("quietly when the peer closes with %i", async (code) => {
    const { conn, peer } = connAndRawPeer("server");
    const loop = conn.forEach(() => {});
    peer.send(rawClose(code));
    await expect(loop).resolves.toBeUndefined();
  });

  it("quietly when this side closes", async () => {
    const { server, client } = connPair();
    const loop = server.forEach(() => {});
    void server.close(4000);
    void client.discard();
    await expect(loop).resolves.toBeUndefined();
  });

  it("with the error of any other end", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const loop = conn.forEach(() => {});
    peer.send(rawClose(4000, "no"));
    expect(await rejectionOf(loop)).toMatchObject({ code: 4000, reason: "no" });
  });

  it("with the violation of a peer that broke a rule", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const loop = conn.forEach(() => {});
    peer.send(rawFrame({ opcode: 0 }));
    expect(await rejectionOf(loop)).toMatchObject({ code: "WS_CONTINUATION_UNEXPECTED" });
  });

  it("behind the promise of the last callback, and the messages that waited for it", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const gate = deferred();
    const read: string[] = [];
    const loop = conn.forEach((message) => {
      read.push(message.text());
      return gate.promise;
    });
    peer.send(Buffer.concat([chunk("a", "b"), rawClose(1000)]));
    await idle();
    expect(await stateOf(loop)).toBe("pending");
    gate.resolve();
    await loop;
    expect(read).toEqual(["a", "b"]);
  });
});

describe("an error of the callback", () => {
  const boom = new Error("callback");
  const failures: ReadonlyArray<readonly [string, () => void | Promise<void>]> = [
    [
      "thrown",
      () => {
        throw boom;
      },
    ],
    ["rejected", () => Promise.reject(boom)],
  ];

  it.each(failures)(
    "%s: closes with 1011, is reported once, rejects forEach",
    async (_how, fail) => {
      const { conn, peer } = connAndRawPeer("server");
      const report = vi.fn<(error: unknown) => void>();
      let calls = 0;
      let loop: Promise<void> | undefined;
      runHandler(
        conn,
        () => {
          loop = conn.forEach(() => {
            calls++;
            return fail();
          });
          return loop;
        },
        report,
      );
      peer.send(chunk("a", "b"));
      expect((await peer.readClose()).code).toBe(1011);
      peer.send(rawClose(1011));
      expect(await rejectionOf(loop ?? Promise.resolve())).toBe(boom);
      await conn.closed;
      await idle();
      expect(report.mock.calls).toEqual([[boom]]);
      expect(calls).toBe(1);
    },
  );

  it.each(failures)(
    "%s: what follows is dropped, and the peer's answer seen at once",
    async (_how, fail) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }); // so that closeTimeout can't be what ends it
      const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
      runHandler(
        conn,
        () => conn.forEach(fail),
        () => {},
      );
      peer.stream.write(chunk("a", "b", "c"));
      await idle();
      peer.stream.write(Buffer.concat([chunk("d"), rawClose(1011)]));
      await idle(10);
      expect(await stateOf(conn.closed)).toBe("fulfilled");
      expect(await conn.closed).toMatchObject({ code: 1011, wasClean: true });
      vi.useRealTimers();
    },
  );

  it.each(failures)(
    "%s: reaches the report also when nobody awaits forEach",
    async (_how, fail) => {
      const { conn, peer } = connAndRawPeer("server");
      const report = vi.fn<(error: unknown) => void>();
      runHandler(conn, () => void conn.forEach(fail), report);
      peer.send(chunk("a"));
      expect((await peer.readClose()).code).toBe(1011);
      expect(report.mock.calls).toEqual([[boom]]);
    },
  );

  it("without a route goes to the console", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const { conn, peer } = connAndRawPeer("server");
    void conn.forEach(() => {
      throw boom;
    });
    peer.send(chunk("a"));
    expect((await peer.readClose()).code).toBe(1011);
    expect(log.mock.calls).toEqual([[boom]]);
    log.mockRestore();
  });

  it("in the messages that waited already rejects and closes too", async () => {
    const { conn, peer } = connAndRawPeer("server", {}, chunk("a", "b"));
    const report = vi.fn<(error: unknown) => void>();
    const read: string[] = [];
    runHandler(
      conn,
      () =>
        conn.forEach((message) => {
          read.push(message.text());
          throw boom;
        }),
      report,
    );
    expect((await peer.readClose()).code).toBe(1011);
    expect([read, report.mock.calls]).toEqual([["a"], [[boom]]]);
  });

  it("that is the connection's own end is not reported as a fault", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const report = vi.fn<(error: unknown) => void>();
    const debug = vi.fn<(error: unknown) => void>();
    const closed = deferred();
    runHandler(
      conn,
      () =>
        conn.forEach(async () => {
          await closed.promise;
          await conn.writeMessage(1, "too late");
        }),
      report,
      debug,
    );
    peer.send(chunk("a"));
    await idle();
    peer.reset();
    void conn.writeMessage(1, "finds the reset");
    conn.terminate();
    await conn.closed;
    closed.resolve();
    await idle();
    expect(report).not.toHaveBeenCalled();
    expect(debug).toHaveBeenCalled();
  });
});

describe("conn.discard()", () => {
  it("drops messages until the end and tells it", async () => {
    const { conn, peer } = connAndRawPeer("server", {}, chunk("a"));
    const end = conn.discard();
    for (let at = 0; at < 100; at++) peer.send(rawText("x".repeat(10_000)));
    peer.send(rawClose(4000, "enough"));
    expect(await end).toEqual({ code: 4000, reason: "enough", wasClean: true });
  });

  it("answers pings meanwhile", async () => {
    const { conn, peer } = connAndRawPeer("server");
    void conn.discard();
    peer.send(rawFrame({ opcode: 9, payload: "there?" }));
    expect(await peer.readFrame()).toMatchObject({ opcode: 10, payload: Buffer.from("there?") });
    conn.terminate();
  });
});

describe("bytes that arrive after the pause", () => {
  it("are kept, not dispatched, while a callback waits", async () => {
    // A stream that goes on for a while after pause(), as TLS does.
    const { Duplex } = await import("node:stream");
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const conn = openConn(socket, Buffer.alloc(0), {
      role: "server",
      options: {},
      subprotocol: "",
      extensions: "",
    });
    const gate = deferred();
    let running = 0;
    let most = 0;
    const read: string[] = [];
    void conn.forEach(async (message) => {
      most = Math.max(most, ++running);
      read.push(message.text());
      await gate.promise;
      running--;
    });
    socket.emit("data", rawText("a"));
    socket.emit("data", rawText("b"));
    socket.emit("data", chunk("c", "d"));
    expect(read).toEqual(["a"]);
    gate.resolve();
    await idle();
    expect([read, most]).toEqual([["a", "b", "c", "d"], 1]);
    conn.terminate();
  });
});
