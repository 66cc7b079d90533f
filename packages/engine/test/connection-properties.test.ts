/** What holds for connections whatever is done to them: nothing lost, nothing twice, nobody waits in vain, no crash. */
import {
  connAndRawPeer,
  connPair,
  deferred,
  memoryDuplexPair,
  rawFrame,
  watchForCrashes,
  within,
} from "@longwire/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Role } from "../src/framing/frame.ts";
import { CloseError, openConn, PreparedMessage, ProtocolError, type Conn } from "../src/index.ts";
import { idle } from "./conn/harness.ts";
import { cutAt } from "./cut-at.ts";

const role = fc.constantFrom<Role>("server", "client");
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value)),
  fc.integer({ min: 120, max: 130 }).map((length) => Buffer.alloc(length, length)),
  fc.integer({ min: 65_530, max: 65_540 }).map((length) => Buffer.alloc(length, length)),
);

describe("two connections", () => {
  interface Write {
    readonly how: "write" | "send" | "pieces";
    readonly payload: Buffer;
  }
  const write: fc.Arbitrary<Write> = fc.record({
    how: fc.constantFrom("write", "send", "pieces"),
    payload: fc.oneof(
      bytes,
      fc.integer({ min: 16_380, max: 16_390 }).map((length) => Buffer.alloc(length, 1)),
    ),
  });

  async function writeAll(conn: Conn, writes: readonly Write[]): Promise<void> {
    const pending: Array<Promise<void>> = [];
    for (const { how, payload } of writes) {
      if (how === "send") conn.send(payload);
      else if (how === "write") pending.push(conn.writeMessage(2, payload));
      else {
        const writer = await conn.nextWriter(2);
        void writer.write(payload.subarray(0, 100));
        void writer.flush();
        void writer.write(payload.subarray(100));
        pending.push(writer.close());
      }
    }
    await Promise.all(pending);
    await conn.drained();
  }

  it("carry any messages, written and read in any way, both ways, in order, whatever their limits", async () => {
    const limits = fc.record({
      readQueueMessages: fc.constantFrom(1, 2, 1024),
      readQueueBytes: fc.constantFrom(1, 1000, 262_144),
      writeWaterMark: fc.constantFrom(1, 1000, 65_536),
      writeBufferSize: fc.constantFrom(1, 100, 4096),
    });
    const writes = fc.array(write, { maxLength: 12 });
    const readingWays = fc.array(fc.constantFrom("message", "reader", "iterator"), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(
        writes,
        writes,
        limits,
        limits,
        readingWays,
        async (ours, theirs, one, other, ways) => {
          const { server, client } = connPair({ server: one, client: other });
          const read = async (conn: Conn, count: number): Promise<Buffer[]> => {
            const received: Buffer[] = [];
            const iterator = conn[Symbol.asyncIterator]();
            while (received.length < count) {
              const way = ways[received.length % ways.length];
              if (way === "reader") received.push(await (await conn.nextReader()).readAll());
              else if (way === "message") received.push((await conn.readMessage()).data);
              else received.push((await iterator.next()).value?.data ?? Buffer.alloc(0));
            }
            return received;
          };
          const [atClient, atServer] = await Promise.all([
            read(client, ours.length),
            read(server, theirs.length),
            writeAll(server, ours),
            writeAll(client, theirs),
          ]);
          expect(atClient.map((data) => data.toString("hex"))).toEqual(
            ours.map(({ payload }) => payload.toString("hex")),
          );
          expect(atServer.map((data) => data.toString("hex"))).toEqual(
            theirs.map(({ payload }) => payload.toString("hex")),
          );
          const ends = await Promise.all([server.close(), client.closed]);
          expect(ends.every(({ code, wasClean }) => code === 1000 && wasClean)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("any way to read", () => {
  /** Each takes one message, but for those that give up first; tells what it saw of it. */
  const READS: Readonly<Record<string, (conn: Conn) => Promise<string | undefined>>> = {
    message: async (conn) => (await conn.readMessage()).text(),
    impatient: async (conn) => {
      const message = await conn.readMessage({ timeout: 0 }).catch(softly);
      return message?.text();
    },
    aborted: async (conn) => {
      const controller = new AbortController();
      const reading = conn.nextReader({ signal: controller.signal }).catch(softly);
      controller.abort(SOFT);
      return (await reading)?.readAll().then(String);
    },
    reader: async (conn) => (await (await conn.nextReader()).readAll()).toString(),
    "half a reader": async (conn) =>
      (await (await conn.nextReader()).next()).value?.toString() ?? "",
    "a reader that is returned": async (conn) => {
      const reader = await conn.nextReader();
      const { value } = await reader.next();
      await reader.return();
      return value?.toString() ?? "";
    },
    loop: async (conn) => {
      for await (const message of conn) return message.text();
      return undefined;
    },
    each: async (conn) => {
      // forEach has no end but the connection's: it takes one message and keeps the next ones waiting.
      const first = deferred<string>();
      void conn.forEach((message) => {
        first.resolve(message.text());
        return new Promise(() => {});
      });
      return first.promise;
    },
  };
  const SOFT = new Error("soft");
  const softly = (error: unknown): undefined => {
    if (error !== SOFT && (error as { code?: unknown }).code !== "WS_TIMEOUT") throw error;
  };

  const ways = fc.array(fc.constantFrom(...Object.keys(READS).filter((way) => way !== "each")), {
    minLength: 1,
    maxLength: 12,
  });
  const sizes = fc.array(fc.constantFrom(0, 1, 10, 300, 2000, 70_000), {
    minLength: 1,
    maxLength: 14,
  });
  const limits = fc.record({
    readQueueMessages: fc.constantFrom(1, 2, 1024),
    readQueueBytes: fc.constantFrom(1, 500, 262_144),
  });

  it("gives each message once and in order, with any limits and cuts, and none is waited for in vain", async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes,
        ways,
        fc.boolean(),
        limits,
        fc.array(fc.nat(), { maxLength: 10 }),
        fc.nat(3),
        async (lengths, order, endsWithEach, options, places, turns) => {
          const { conn, peer } = connAndRawPeer("server", { ...options, heartbeat: false });
          const sent = lengths.map((length, at) => `${at}:${"x".repeat(length)}`);
          const sending = (async () => {
            for (const piece of cutAt(Buffer.concat(sent.map((one) => frames(one))), places)) {
              peer.send(piece);
              await idle(turns);
            }
          })();
          let next = 0;
          const read = async (way: string): Promise<void> => {
            const seen = await within(
              READS[way]?.(conn) ?? Promise.resolve(undefined),
              `${way} of ${next}`,
            );
            if (seen === undefined) return;
            expect([next, sent[next]?.startsWith(seen), seen.length > 0]).toEqual([
              next,
              true,
              true,
            ]);
            next++;
          };
          for (let step = 0; next < sent.length - 1 && step < 100; step++) {
            await read(order[step % order.length] ?? "message");
            if (step % 3 === 2) await idle(1); // soft ends may come again and again
          }
          while (next < sent.length - 1) await read("message");
          await read(endsWithEach ? "each" : "message");
          await sending;
          conn.terminate();
        },
      ),
      { numRuns: 150 },
    );
  });

  /** One message as two fragments with a ping between. */
  function frames(payload: string): Buffer {
    const half = payload.length >> 1;
    return Buffer.concat([
      rawFrame({ opcode: 1, fin: false, payload: payload.slice(0, half) }),
      rawFrame({ opcode: 9, payload: "mid" }),
      rawFrame({ opcode: 0, payload: payload.slice(half) }),
    ]);
  }
});

describe("any way to write", () => {
  const op = fc.record({
    how: fc.constantFrom(
      "send",
      "write",
      "withdrawn",
      "prepared",
      "pieces",
      "given up",
      "ping",
      "stop",
      "go",
      "turn",
    ),
    size: fc.constantFrom(0, 1, 100, 5000, 16_384, 16_385, 60_000),
  });
  const limits = fc.record({
    writeWaterMark: fc.constantFrom(1, 1000, 65_536),
    writeBufferSize: fc.constantFrom(1, 100, 4096),
  });

  it("lets out each message once, whole and in order, but for those withdrawn, and settles every promise", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(op, { maxLength: 30 }),
        limits,
        role,
        async (ops, options, side) => {
          const { conn, peer } = connAndRawPeer(side, { ...options, heartbeat: false });
          const written: string[] = [];
          const maybe = new Set<string>();
          const promises: Array<Promise<unknown>> = [];
          const keep = (promise: Promise<unknown>): void => {
            promise.catch(() => {}); // looked at below
            promises.push(promise);
          };
          for (const [at, { how, size }] of ops.entries()) {
            const payload = `${at}:${"x".repeat(size)}`;
            const withdrawal = new AbortController();
            if (how === "stop") peer.stopReading();
            else if (how === "go") peer.resumeReading();
            else if (how === "turn") await idle(1);
            else if (how === "ping") keep(conn.writeControl(9, String(at)));
            else if (how === "given up") {
              keep(conn.nextWriter(1, { timeout: 0 }).then((writer) => writer.abort()));
            } else {
              written.push(payload);
              if (how === "send") conn.send(payload);
              else if (how === "write") keep(conn.writeMessage(1, Buffer.from(payload)));
              else if (how === "prepared") {
                keep(conn.writePreparedMessage(new PreparedMessage(1, payload)));
              } else if (how === "withdrawn") {
                maybe.add(payload);
                keep(conn.writeMessage(1, payload, { signal: withdrawal.signal }));
                withdrawal.abort("withdrawn");
              } else {
                keep(
                  conn.nextWriter(1).then(async (writer) => {
                    await writer.write(payload.slice(0, 2));
                    await writer.write(Buffer.from(payload.slice(2)));
                    await writer.close();
                  }),
                );
              }
            }
          }
          peer.resumeReading();
          await within(Promise.allSettled([...promises, conn.drained()]), "every promise");
          void conn.close();
          const received: string[] = [];
          let message = "";
          for (;;) {
            const { opcode, payload, fin } = await peer.readFrame();
            if (opcode === 8) break;
            if (opcode === 9) continue;
            message = (opcode === 0 ? message : "") + payload.toString();
            if (fin) received.push(message);
          }
          const sure = (list: readonly string[]): string[] => list.filter((one) => !maybe.has(one));
          expect(sure(received)).toEqual(sure(written));
          expect(received).toEqual(written.filter((one) => received.includes(one)));
          conn.terminate();
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("any way to end", () => {
  const action = fc.constantFrom(
    "message",
    "long message",
    "writer",
    "unfinished writer",
    "read",
    "reader",
    "each",
    "discard",
    "ping",
    "hold",
    "close",
    "writeClose",
    "terminate",
    "destroy",
    "read deadline",
    "write deadline",
    "turn",
  );
  const step = fc.record({ action, by: fc.constantFrom("server" as const, "client" as const) });

  function act(conn: Conn, what: string): ReadonlyArray<Promise<unknown>> {
    if (what === "message") return [conn.writeMessage(1, "x".repeat(1000)), conn.drained()];
    if (what === "long message") return [conn.writeMessage(2, Buffer.alloc(100_000))];
    if (what === "writer") return [conn.nextWriter(1).then((writer) => writer.close())];
    if (what === "unfinished writer")
      return [conn.nextWriter(1).then((writer) => writer.write("x"))];
    if (what === "read") return [conn.readMessage()];
    if (what === "reader") return [conn.nextReader().then((reader) => reader.next())];
    if (what === "each") return [conn.forEach(() => idle(1))];
    if (what === "discard") return [conn.discard()];
    if (what === "ping") return [conn.ping()];
    if (what === "close") return [conn.close(4000, "bye")];
    if (what === "writeClose") return [conn.writeControl(8)];
    if (what === "terminate") conn.terminate();
    else if (what === "destroy") conn.netConn.destroy(new Error("reset"));
    else if (what === "read deadline") conn.setReadDeadline(Date.now() - 1);
    else if (what === "write deadline") conn.setWriteDeadline(Date.now() - 1);
    else if (what === "hold") conn.hold();
    return [];
  }

  it("settles every promise, closes both sides and crashes nothing", async () => {
    const watch = watchForCrashes();
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.constantFrom("server" as const, "client" as const),
        async (steps, last) => {
          const options = { closeTimeout: 10, heartbeat: false } as const;
          const pair = connPair({ server: options, client: options });
          const promises: Array<Promise<unknown>> = [pair.server.closed, pair.client.closed];
          for (const { action: what, by } of steps) {
            if (what === "turn") await idle(1);
            for (const promise of act(pair[by], what)) {
              promise.catch(() => {}); // of `then`, which is the test's own
              promises.push(promise);
            }
          }
          // Both: a side that has paused reading, since nobody reads, does not see that the other has gone.
          const ends = [pair[last].close(), pair.server.close(), pair.client.close()];
          await within(Promise.allSettled([...promises, ...ends]), "every promise");
          expect([pair.server.readyState, pair.client.readyState]).toEqual([3, 3]);
          expect(pair.server.signal.aborted && pair.client.signal.aborted).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
    await watch.stop();
  });
});

describe("random bytes on a connection", () => {
  it("end in one of our errors, answered by a close frame, and never in a crash", async () => {
    const watch = watchForCrashes();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }),
        role,
        fc.constantFrom("read", "iterate", "each", "reader", "nobody"),
        async (chunks, side, how) => {
          const { conn, peer } = connAndRawPeer(side, { heartbeat: false, readLimit: 1000 });
          const reading = readBy(conn, how);
          for (const chunk of chunks) peer.send(chunk);
          await idle();
          peer.end();
          const error = await reading;
          expect(
            error === undefined || error instanceof ProtocolError || error instanceof CloseError,
          ).toBe(true);
          const end = await conn.closed;
          expect([end.code >= 1000, conn.bufferedAmount]).toEqual([true, 0]);
        },
      ),
      { numRuns: 300 },
    );
    await watch.stop();
  });

  async function readBy(conn: Conn, how: string): Promise<unknown> {
    try {
      if (how === "read") for (;;) await conn.readMessage();
      if (how === "iterate") for await (const message of conn) message.text();
      if (how === "each") await conn.forEach(() => {});
      if (how === "reader") for (;;) await (await conn.nextReader()).readAll();
    } catch (error) {
      return error;
    }
    return undefined;
  }

  it("in the handshake's packet, before anybody could look, neither", async () => {
    const watch = watchForCrashes();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (head) => {
        const [socket, other] = memoryDuplexPair();
        other.resume();
        const conn = openConn(socket, head, {
          role: "server",
          options: { heartbeat: false },
          subprotocol: "",
          extensions: "",
        });
        other.end();
        await conn.closed;
      }),
      { numRuns: 150 },
    );
    await watch.stop();
    expect(watch.crashes).toEqual([]);
  });
});
