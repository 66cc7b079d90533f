/** reconnecting(): Conns one behind the other, the pauses in between, and the reasons. */
import { getEventListeners } from "node:events";
import {
  type Conn,
  CloseError,
  Dialer,
  HandshakeError,
  isTemporary,
  type Loss,
  reconnecting,
  type ReconnectOptions,
} from "@longwire/engine";
import { within } from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { backOffDelay, retryAfter } from "../../src/client/back-off.ts";
import { failOnCrash } from "./dialing.ts";
import { answerWith, closedPort, startEcho, startRaw } from "./servers.ts";

failOnCrash();
afterEach(() => vi.restoreAllMocks());

const QUICK = { initialDelay: 1, maxDelay: 5 };
const dialer = new Dialer();

/** A Dialer whose every attempt fails with this. */
function failing(error: Error): { dial: () => Promise<never>; attempts: () => number } {
  let attempts = 0;
  return {
    attempts: () => attempts,
    dial: () => {
      attempts++;
      return Promise.reject(error);
    },
  };
}

/** Runs an iteration to its end, and gives what it throws. */
async function thrownBy(conns: AsyncIterable<Conn>): Promise<unknown> {
  try {
    for await (const conn of conns) await conn.closed;
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("reconnecting", () => {
  it("gives a Conn, and the next one when that has ended", async () => {
    const server = await startEcho();
    const losses: Loss[] = [];
    const conns = reconnecting(dialer, server.url, {
      ...QUICK,
      onLoss: (loss) => losses.push(loss),
    });
    const seen: Conn[] = [];
    for await (const conn of conns) {
      seen.push(conn);
      expect(conn.readyState).toBe(1);
      const socket = await server.sockets.next();
      if (seen.length === 1) socket.terminate();
      if (seen.length === 2) socket.close(1012, "restart");
      if (seen.length === 3) break;
      await expect(conn.readMessage()).rejects.toBeInstanceOf(CloseError);
    }
    expect(seen.map(({ readyState }) => readyState)).toEqual([3, 3, 1]);
    expect(losses).toMatchObject([
      { closed: { code: 1006 }, error: { code: 1006 }, failures: 1 },
      { closed: { code: 1012, reason: "restart" }, error: { code: 1012 }, failures: 2 },
    ]);
    for (const { delay } of losses) expect(delay).toBeLessThanOrEqual(5);
    seen[2]?.terminate();
  });

  it("waits for a Conn that outlives the body of the loop", async () => {
    const server = await startEcho();
    let count = 0;
    for await (const conn of reconnecting(dialer, server.url, QUICK)) {
      count++;
      const socket = await server.sockets.next();
      if (count === 2) {
        conn.terminate();
        break;
      }
      setImmediate(() => socket.terminate()); // the body is over by then
    }
    expect(server.requests.all).toHaveLength(2);
  });

  it.each([
    ["the peer", (conn: Conn, peer: { close(code: number): void }) => peer.close(1000) ?? conn],
    ["this side", (conn: Conn) => conn.close()],
  ])("ends quietly after a normal closure by %s", async (_, close) => {
    const server = await startEcho();
    const losses: Loss[] = [];
    const options = { maxFailures: 1, onLoss: (loss: Loss) => losses.push(loss) };
    for await (const conn of reconnecting(dialer, server.url, options)) {
      void close(conn, await server.sockets.next());
    }
    expect(server.requests.all).toHaveLength(1);
    expect(losses).toMatchObject([{ closed: { code: 1000 }, delay: undefined }]);
  });

  it("tries again while there is no server, and throws the last error after maxFailures", async () => {
    const port = await closedPort();
    const losses: Loss[] = [];
    const options = { ...QUICK, maxFailures: 3, onLoss: (loss: Loss) => losses.push(loss) };
    const error = await thrownBy(reconnecting(dialer, `ws://127.0.0.1:${port}/`, options));
    expect(error).toMatchObject({ code: "WS_DIAL_FAILED" });
    expect(losses.map(({ failures, closed }) => [failures, closed])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
    ]);
    expect(losses.at(-1)).toMatchObject({ error, delay: undefined });
  });

  it("throws the error of a connection, too, when that was the last of maxFailures", async () => {
    const server = await startEcho();
    server.sockets.next().then(
      (socket) => socket.terminate(),
      () => {},
    );
    const error = await thrownBy(reconnecting(dialer, server.url, { ...QUICK, maxFailures: 1 }));
    expect(error).toMatchObject({ code: 1006 });
  });

  it("does not try again what will be refused again", async () => {
    const server = await startRaw(answerWith("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"));
    expect(await thrownBy(reconnecting(dialer, server.url, QUICK))).toMatchObject({ status: 401 });
    expect(server.peers.all).toHaveLength(1);
    expect(await thrownBy(reconnecting(dialer, "http://127.0.0.1/", QUICK))).toBeInstanceOf(
      TypeError,
    );
  });

  it("leaves the decision to shouldRetry", async () => {
    const { dial, attempts } = failing(new HandshakeError(401, "no"));
    const shouldRetry = ({ failures }: { failures: number }): boolean => failures < 4;
    await thrownBy(reconnecting({ dial }, "ws://a.example/", { ...QUICK, shouldRetry }));
    expect(attempts()).toBe(4);
  });

  it("forgets failures after a connection that has lasted", async () => {
    const server = await startEcho();
    const failures: number[] = [];
    const options = {
      ...QUICK,
      resetAfter: 30,
      onLoss: (loss: Loss) => failures.push(loss.failures),
    };
    let count = 0;
    for await (const conn of reconnecting(dialer, server.url, options)) {
      if (++count === 5) {
        conn.terminate();
        break;
      }
      const socket = await server.sockets.next();
      if (count < 3) socket.terminate();
      else setTimeout(() => socket.terminate(), 60); // longer than resetAfter
      await conn.closed;
    }
    expect(failures.slice(2)).toEqual([1, 1]);
  });

  it.each<[what: string, headers: ReconnectOptions["headers"]]>([
    ["an object", { "X-Test": "1" }],
    ["an iterable that is used up by reading", [["X-Test", "1"] as const].values()],
    ["a function", () => Promise.resolve({ "X-Test": "1" })],
  ])("hands headers and subprotocols on to each dial: %s", async (_, headers) => {
    const server = await startEcho();
    let count = 0;
    const options = { ...QUICK, headers, subprotocols: ["a"] };
    for await (const conn of reconnecting(dialer, server.url, options)) {
      conn.terminate();
      if (++count === 2) break;
    }
    const sent = server.requests.all.map((request) => request.headers);
    expect(sent.map((each) => [each["x-test"], each["sec-websocket-protocol"]])).toEqual([
      ["1", "a"],
      ["1", "a"],
    ]);
  });

  it("tries again when the headers could not be made", async () => {
    const cause = new TypeError("fetch failed");
    const losses: Loss[] = [];
    const options: ReconnectOptions = {
      ...QUICK,
      maxFailures: 2,
      headers: () => {
        throw cause;
      },
      onLoss: (loss) => losses.push(loss),
    };
    const error = await thrownBy(reconnecting(dialer, "ws://a.example/", options));
    expect(error).toMatchObject({ code: "WS_DIAL_FAILED", cause });
    expect(losses).toHaveLength(2);
  });

  it.each([{ initialDelay: 0 }, { maxDelay: -1 }, { maxFailures: 0 }, { resetAfter: NaN }])(
    "refuses %j",
    async (options) => {
      expect(await thrownBy(reconnecting(dialer, "ws://a.example/", options))).toBeInstanceOf(
        RangeError,
      );
    },
  );
});

describe("its signal", () => {
  it("closes the open connection with 1000, and is what the iteration throws", async () => {
    const server = await startEcho();
    const controller = new AbortController();
    const reason = new Error("enough");
    const conns = reconnecting(dialer, server.url, { signal: controller.signal });
    const ends: number[] = [];
    const iterate = async (): Promise<void> => {
      for await (const conn of conns) {
        setImmediate(() => controller.abort(reason));
        for await (const message of conn) expect.unreachable(message.text());
        ends.push((await conn.closed).code); // quietly: it was this side that closed
      }
    };
    await expect(within(iterate(), "the end of the iteration")).rejects.toBe(reason);
    expect(ends).toEqual([1000]);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("ends a pause, and an attempt", async () => {
    const reason = new Error("enough");
    const paused = new AbortController();
    const { dial } = failing(new Error("no"));
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    const inPause = thrownBy(
      reconnecting({ dial }, "ws://a.example/", {
        initialDelay: 60_000,
        maxDelay: 60_000,
        signal: paused.signal,
        onLoss: () => setImmediate(() => paused.abort(reason)),
      }),
    );
    expect(await within(inPause, "the end of the pause")).toBe(reason);

    const server = await startRaw();
    const dialing = new AbortController();
    const inAttempt = thrownBy(reconnecting(dialer, server.url, { signal: dialing.signal }));
    await server.peers.next();
    dialing.abort(reason);
    expect(await within(inAttempt, "the end of the attempt")).toBe(reason);
  });

  it("that is aborted before lets nothing begin", async () => {
    const { dial, attempts } = failing(new Error("no"));
    const signal = AbortSignal.abort("over");
    expect(await thrownBy(reconnecting({ dial }, "ws://a.example/", { signal }))).toBe("over");
    expect(attempts()).toBe(0);
  });

  it("has no effect on a connection that was kept with break", async () => {
    const server = await startEcho();
    const controller = new AbortController();
    let kept: Conn | undefined;
    for await (const conn of reconnecting(dialer, server.url, { signal: controller.signal })) {
      kept = conn;
      break;
    }
    controller.abort();
    expect(kept?.readyState).toBe(1);
    kept?.terminate();
  });
});

describe("the pause", () => {
  it("is chosen evenly below a bound that doubles up to the maximum", () => {
    const policy = { initialDelay: 100, maxDelay: 1000 };
    const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
    expect([0, 1, 2, 3, 4, 5, 1000].map((failures) => backOffDelay(failures, policy))).toEqual([
      50, 100, 200, 400, 500, 500, 500,
    ]);
    random.mockReturnValue(0);
    expect(backOffDelay(9, policy)).toBe(0);
    random.mockReturnValue(0.999);
    expect(backOffDelay(2000, { initialDelay: 1, maxDelay: Infinity })).toBeGreaterThan(2 ** 51);
  });

  it.each([
    ["120", 120_000],
    ["0", 0],
    ["Sun, 22 Nov 2026 12:00:30 GMT", 30_000],
    ["Sun, 22 Nov 2026 11:00:00 GMT", 0],
    ["soon", undefined],
    ["-1", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("follows Retry-After: %s", (value, expected) => {
    expect(retryAfter(value, Date.parse("Sun, 22 Nov 2026 12:00:00 GMT"))).toBe(expected);
  });

  it.each([
    ["3", 3000],
    ["3600", 5000],
    ["0", 1],
    [undefined, 1],
  ])("is at least Retry-After: %s, and at most the maximum", async (value, expected) => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const headers = { "retry-after": value };
    const response = { status: 503, statusText: "", headers, body: Buffer.alloc(0) };
    const { dial } = failing(new HandshakeError(503, "busy", { response }));
    const delays: unknown[] = [];
    const controller = new AbortController();
    await thrownBy(
      reconnecting({ dial }, "ws://a.example/", {
        initialDelay: 2,
        maxDelay: 5000,
        signal: controller.signal,
        onLoss: ({ delay }) => {
          delays.push(delay);
          controller.abort();
        },
      }),
    );
    expect(delays).toEqual([expected]);
  });
});

describe("isTemporary", () => {
  const closed = (
    code: number,
  ): { closed: { code: number; reason: string; wasClean: boolean } } => ({
    closed: { code, reason: "", wasClean: true },
  });

  it.each<[what: string, loss: Parameters<typeof isTemporary>[0], expected: boolean]>([
    ["1000", { error: undefined, ...closed(1000) }, false],
    ["1001", { error: undefined, ...closed(1001) }, true],
    ["1006", { error: undefined, ...closed(1006) }, true],
    ["4000", { error: undefined, ...closed(4000) }, true],
    ["no connection", { error: new HandshakeError(0, ""), closed: undefined }, true],
    ["401", { error: new HandshakeError(401, ""), closed: undefined }, false],
    ["404", { error: new HandshakeError(404, ""), closed: undefined }, false],
    ["408", { error: new HandshakeError(408, ""), closed: undefined }, true],
    ["425", { error: new HandshakeError(425, ""), closed: undefined }, true],
    ["429", { error: new HandshakeError(429, ""), closed: undefined }, true],
    ["302", { error: new HandshakeError(302, ""), closed: undefined }, true],
    ["500", { error: new HandshakeError(500, ""), closed: undefined }, true],
    ["a mistake of the caller", { error: new TypeError(""), closed: undefined }, false],
    ["an option out of range", { error: new RangeError(""), closed: undefined }, false],
    ["anything else", { error: new Error(""), closed: undefined }, true],
  ])("after %s", (_, loss, expected) => {
    expect(isTemporary(loss)).toBe(expected);
  });
});
