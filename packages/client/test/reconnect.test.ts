/** Messages of one connection after another. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CloseError, connect, InvalidMessageError, reconnect } from "../src/index.ts";
import type { ClientConn, ReconnectOptions } from "../src/index.ts";
import { collect, serveRoute, WEB_SOCKETS } from "./route.ts";
import { StandIn } from "./stand-in.ts";

const open = (): ClientConn => connect("ws://a.example", { WebSocket: StandIn });

/** The newest connection. */
function newest(): StandIn {
  const socket = StandIn.made.at(-1);
  if (socket === undefined) throw new Error("expected a connection");
  return socket;
}

describe.each(WEB_SOCKETS)("with %s WebSocket", (_name, WebSocket) => {
  it("reads on where the server was lost, and ends with close()", async () => {
    let visits = 0;
    const { url } = await serveRoute({}, async (conn) => {
      const visit = ++visits;
      await conn.writeJSON({ visit, hello: await conn.readJSON() });
      await conn.readJSON();
      if (visit === 1) conn.terminate();
      else if (visit === 2) await conn.close(1001);
      else await conn.close(1011);
    });
    let conn: ClientConn | undefined;
    const again = (): ClientConn => {
      conn = connect(url, { WebSocket });
      conn.send("hello");
      return conn;
    };
    const seen: unknown[] = [];
    for await (const value of reconnect(again, { minDelay: 1 })) {
      seen.push(value);
      if (seen.length === 4) void conn?.close();
      else conn?.send("go on");
    }
    expect(seen).toEqual([1, 2, 3, 4].map((visit) => ({ visit, hello: "hello" })));
  });
});

describe("reconnect", () => {
  beforeEach(() => {
    StandIn.made.length = 0;
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(1); // the longest of each wait
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  /** The waits before each of the next `count` attempts that fail at once. */
  async function waits(count: number): Promise<number[]> {
    const all: number[] = [];
    for (let n = 0; n < count; n++) {
      const { length } = StandIn.made;
      newest().end(1006);
      await vi.advanceTimersByTimeAsync(0);
      const began = Date.now();
      while (StandIn.made.length === length) await vi.advanceTimersToNextTimerAsync();
      all.push(Date.now() - began);
    }
    return all;
  }

  it("waits longer with each attempt, up to its limit, and starts over when one has lasted", async () => {
    const controller = new AbortController();
    const options = { minDelay: 100, maxDelay: 1_000, signal: controller.signal };
    const collected = collect(reconnect(open, options));
    await vi.advanceTimersByTimeAsync(0);
    expect(await waits(6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    newest().open();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waits(2)).toEqual([100, 200]);
    newest().end(1006);
    await vi.advanceTimersByTimeAsync(50);
    const reason = new Error("left the page");
    controller.abort(reason);
    expect(await collected).toEqual({ values: [], error: reason });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits at least half as long as it could", async () => {
    vi.mocked(Math.random).mockReturnValue(0);
    void collect(reconnect(open, { minDelay: 100 }));
    await vi.advanceTimersByTimeAsync(0);
    expect(await waits(3)).toEqual([50, 100, 200]);
  });

  it.each([1001, 1006, 1011, 1012, 1013, 1014])("tries again after %s", async (code) => {
    void collect(reconnect(open));
    await vi.advanceTimersByTimeAsync(0);
    newest().open();
    newest().end(code);
    await vi.advanceTimersByTimeAsync(500);
    expect(StandIn.made.length).toBe(2);
  });

  it.each([1000, 1005])("ends quietly after %s", async (code) => {
    const collected = collect(reconnect(open));
    await vi.advanceTimersByTimeAsync(0);
    newest().open();
    newest().receive('"last"');
    newest().end(code);
    expect(await collected).toEqual({ values: ["last"], error: undefined });
    expect(StandIn.made.length).toBe(1);
  });

  it.each([1002, 1003, 1007, 1008, 1009, 4001])("throws after %s", async (code) => {
    const collected = collect(reconnect(open));
    await vi.advanceTimersByTimeAsync(0);
    newest().open();
    newest().end(code, "no use");
    const { error } = await collected;
    expect(error).toBeInstanceOf(CloseError);
    expect(error).toMatchObject({ code, reason: "no use" });
    expect(StandIn.made.length).toBe(1);
  });

  it("asks retry, with how it ended and how often in a row", async () => {
    const retry = vi.fn<NonNullable<ReconnectOptions["retry"]>>((_end, attempts) => attempts < 3);
    const collected = collect(reconnect(open, { retry, minDelay: 1 }));
    for (let n = 0; n < 3; n++) {
      await vi.advanceTimersByTimeAsync(100);
      newest().end(4003, "later");
    }
    expect((await collected).error).toMatchObject({ code: 4003 });
    const end = { code: 4003, reason: "later", wasClean: true };
    expect(retry.mock.calls).toEqual([
      [end, 1],
      [end, 2],
      [end, 3],
    ]);
  });

  it("closes the connection when the caller stops", async () => {
    const values = reconnect(open);
    const first = values.next();
    await vi.advanceTimersByTimeAsync(0);
    newest().open();
    newest().receive("1");
    expect(await first).toEqual({ value: 1, done: false });
    await values.return(undefined);
    expect(newest().closes).toEqual([[1000, ""]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not try again behind a message that is not JSON, nor behind the connection's own signal", async () => {
    const invalid = collect(reconnect(open));
    await vi.advanceTimersByTimeAsync(0);
    newest().open();
    newest().receive("{");
    expect((await invalid).error).toBeInstanceOf(InvalidMessageError);
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = collect(
      reconnect(() => connect("ws://a.example", { WebSocket: StandIn, signal })),
    );
    await vi.advanceTimersByTimeAsync(0);
    controller.abort("enough");
    expect(await aborted).toEqual({ values: [], error: "enough" });
    expect(StandIn.made.length).toBe(2);
  });

  it("passes on what open throws", async () => {
    const error = new Error("no address");
    const failing = reconnect(() => {
      throw error;
    });
    expect(await collect(failing)).toEqual({ values: [], error });
  });
});
