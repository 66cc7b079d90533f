/** What `connect` makes of its arguments, and what it does where the network takes no more. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connect } from "../src/index.ts";
import { StandIn } from "./stand-in.ts";

beforeEach(() => {
  StandIn.made.length = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const urlOf = (url: string | URL): string => {
  connect(url, { WebSocket: StandIn });
  return StandIn.made.at(-1)?.url ?? "";
};

describe("the URL", () => {
  it.each([
    ["ws://a.example/chat?room=1", "ws://a.example/chat?room=1"],
    ["wss://a.example", "wss://a.example/"],
    ["http://a.example:8080/", "ws://a.example:8080/"],
    ["https://a.example/http", "wss://a.example/http"],
    [new URL("https://a.example/u"), "wss://a.example/u"],
  ])("%s becomes %s", (given, expected) => {
    expect(urlOf(given)).toBe(expected);
  });

  it.each([
    ["/chat/blue", "wss://a.example/chat/blue"],
    ["chat", "wss://a.example/rooms/chat"],
    ["//b.example/", "wss://b.example/"],
    ["?x", "wss://a.example/rooms/page?x"],
  ])("%s is relative to the page", (given, expected) => {
    vi.stubGlobal("location", { href: "http://elsewhere.example/" });
    vi.stubGlobal("document", { baseURI: "https://a.example/rooms/page#top" });
    expect(urlOf(given)).toBe(expected);
  });

  it("is relative to the script in a worker", () => {
    vi.stubGlobal("location", { href: "http://a.example/worker.js" });
    expect(urlOf("/chat")).toBe("ws://a.example/chat");
  });

  it.each([
    ["/chat", "/chat is no URL, and there is no page that it could be relative to"],
    ["ftp://a.example/", "must begin with ws, wss, http or https, got ftp://a.example/"],
    ["a.example:80", "must begin with ws, wss, http or https, got a.example:80"],
  ])("%s is refused", (given, message) => {
    expect(() => connect(given, { WebSocket: StandIn })).toThrow(TypeError);
    expect(() => connect(given, { WebSocket: StandIn })).toThrow(message);
    expect(StandIn.made).toEqual([]);
  });
});

describe("options", () => {
  it("take the global WebSocket when none is given, and say so where there is none", () => {
    vi.stubGlobal("WebSocket", StandIn);
    connect("ws://a.example");
    expect(StandIn.made.length).toBe(1);
    vi.stubGlobal("WebSocket", undefined);
    expect(() => connect("ws://a.example")).toThrow("give that of undici or ws");
  });

  it("pass subprotocols on", () => {
    connect("ws://a.example", { WebSocket: StandIn, protocols: "a" });
    connect("ws://a.example", { WebSocket: StandIn, protocols: ["a", "b"] });
    connect("ws://a.example", { WebSocket: StandIn });
    expect(StandIn.made.map(({ protocols }) => protocols)).toEqual([["a"], ["a", "b"], []]);
  });

  it("of a wrong kind are refused before anything is opened", () => {
    const bad = { "~standard": { version: 1, vendor: "none" } };
    expect(() =>
      // @ts-expect-error -- a schema without validate
      connect("ws://a.example", { WebSocket: StandIn, messages: { outgoing: bad } }),
    ).toThrow("messages.outgoing must be a Standard Schema");
    for (const maxUnreadBytes of [0, -1, Number.NaN]) {
      expect(() => connect("ws://a.example", { WebSocket: StandIn, maxUnreadBytes })).toThrow(
        RangeError,
      );
    }
    const reason = new Error("not even begun");
    expect(() =>
      connect("ws://a.example", { WebSocket: StandIn, signal: AbortSignal.abort(reason) }),
    ).toThrow(reason);
    expect(StandIn.made).toEqual([]);
  });
});

describe("close", () => {
  it.each([1001, 1005, 1007, 1011, 2999, 5000, Number.NaN, 0])("refuses the code %s", (code) => {
    const conn = connect("ws://a.example", { WebSocket: StandIn });
    expect(() => conn.close(code)).toThrow(RangeError);
    expect(conn.closedHere).toBe(false);
  });

  it("refuses a reason of more than 123 bytes", () => {
    const conn = connect("ws://a.example", { WebSocket: StandIn });
    expect(() => conn.close(1000, "é".repeat(62))).toThrow(RangeError);
    void conn.close(1000, "é".repeat(61));
    expect(StandIn.made[0]?.closes).toEqual([[1000, "é".repeat(61)]]);
  });
});

describe("send", () => {
  it("waits for the opening, in order", () => {
    const conn = connect("ws://a.example", { WebSocket: StandIn });
    const [socket] = StandIn.made;
    conn.send({ a: 1 });
    conn.send("two");
    expect(conn.bufferedAmount).toBe(12);
    expect(socket?.sent).toEqual([]);
    socket?.open();
    conn.send(null);
    expect(socket?.sent).toEqual(['{"a":1}', '"two"', "null"]);
    expect(conn.bufferedAmount).toBe(0);
  });

  it("says when 64 KiB wait, before the opening and behind it", () => {
    const conn = connect("ws://a.example", { WebSocket: StandIn });
    const [socket] = StandIn.made;
    expect(conn.send("x".repeat(65_533))).toBe(true);
    expect(conn.send("")).toBe(false);
    socket?.open();
    expect(conn.send("x")).toBe(true);
    socket?.setBuffered(65_536);
    expect(conn.send("x")).toBe(false);
  });

  it("refuses what JSON can't express, and sends nothing", () => {
    const conn = connect("ws://a.example", { WebSocket: StandIn });
    StandIn.made[0]?.open();
    const circle: { self?: unknown } = {};
    circle.self = circle;
    for (const value of [undefined, () => {}, Symbol("s"), 1n, circle]) {
      expect(() => conn.send(value)).toThrow(TypeError);
    }
    expect(StandIn.made[0]?.sent).toEqual([]);
  });
});

describe("drained", () => {
  it("resolves when less than 64 KiB wait", async () => {
    const conn = connect("ws://a.example", { WebSocket: StandIn });
    const [socket] = StandIn.made;
    socket?.open();
    await conn.drained();
    socket?.setBuffered(65_536);
    const resolved = vi.fn<() => void>();
    const drained = conn.drained().then(resolved);
    await vi.advanceTimersByTimeAsync(100);
    expect(resolved).not.toHaveBeenCalled();
    socket?.setBuffered(65_535);
    await vi.advanceTimersByTimeAsync(20);
    await drained;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("resolves when the connection ends", async () => {
    const conn = connect("ws://a.example", { WebSocket: StandIn });
    const [socket] = StandIn.made;
    socket?.open();
    socket?.setBuffered(1e6);
    const drained = conn.drained();
    socket?.end(1006);
    await vi.advanceTimersByTimeAsync(20);
    await drained;
    expect(vi.getTimerCount()).toBe(0);
  });
});
