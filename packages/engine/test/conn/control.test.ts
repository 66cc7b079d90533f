/** Pings, pongs, and the handlers of control frames (RFC 6455 §5.5). */
import {
  connAndRawPeer,
  connPair,
  hex,
  rawClose,
  rawFrame,
  rawPing,
  rawText,
  type RawPeer,
} from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DeadlineError } from "../../src/index.ts";
import { idle, rejectionOf, stateOf } from "./harness.ts";

afterEach(() => {
  vi.useRealTimers();
});

function pong(payload: string | Uint8Array): Buffer {
  return rawFrame({ opcode: 10, payload });
}

async function blocked() {
  const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
  peer.stopReading();
  conn.send(Buffer.alloc(200_000));
  await idle();
  return { conn, peer };
}

async function opcodes(peer: RawPeer, count: number): Promise<string[]> {
  const read: string[] = [];
  while (read.length < count) {
    const { opcode, payload } = await peer.readFrame();
    read.push(`${opcode.toString(16)}:${payload.toString()}`);
  }
  return read;
}

describe("RFC 6455 §5.5.2 a ping", () => {
  it.each(["", "x", "x".repeat(125), "__proto__", "constructor"])(
    "is answered with a pong of the same payload (%s)",
    async (payload) => {
      const { peer } = connAndRawPeer("server");
      peer.send(rawPing(payload));
      expect(await peer.readFrame()).toMatchObject({ opcode: 10, payload: Buffer.from(payload) });
    },
  );

  it("is answered while nobody reads messages", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([rawText("unread"), rawPing("p")]));
    expect(await opcodes(peer, 1)).toEqual(["a:p"]);
    expect((await conn.readMessage()).text()).toBe("unread");
  });

  it("is answered by a client too, masked", async () => {
    const { peer } = connAndRawPeer("client");
    peer.send(hex("89 05 48656c6c6f"));
    expect(await peer.readFrame()).toMatchObject({
      opcode: 10,
      masked: true,
      payload: Buffer.from("Hello"),
    });
  });

  it("is answered newest first and only, when the answers can't go out", async () => {
    const { peer } = await blocked();
    for (let count = 0; count < 500; count++) peer.send(rawPing(String(count)));
    await idle(20);
    peer.resumeReading();
    expect((await peer.readFrame()).payload.length).toBe(200_000);
    expect(await opcodes(peer, 1)).toEqual(["a:499"]);
    await idle();
    expect(peer.unread.length).toBe(0);
  });

  it("gets its pong ahead of messages that wait", async () => {
    const { conn, peer } = await blocked();
    void conn.writeMessage(1, "waits");
    peer.send(rawPing("now"));
    await idle();
    peer.resumeReading();
    await peer.readFrame();
    expect(await opcodes(peer, 2)).toEqual(["a:now", "1:waits"]);
  });

  it("gets no pong behind a close frame", async () => {
    const { conn, peer } = connAndRawPeer("server");
    void conn.close();
    peer.send(rawPing("late"));
    peer.send(rawClose(1000));
    expect((await peer.readToEnd()).equals(hex("88 02 03e8"))).toBe(true);
  });

  it("is answered from memory of its own: the payload's chunk may change", async () => {
    const { conn, peer } = await blocked();
    const chunk = rawPing("original");
    conn.netConn.emit("data", chunk);
    chunk.fill(0);
    peer.resumeReading();
    await peer.readFrame();
    expect(await opcodes(peer, 1)).toEqual(["a:original"]);
  });
});

describe("conn.ping()", () => {
  it("resolves with the round trip in milliseconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { conn, peer } = connAndRawPeer("server", { heartbeat: false });
    const ping = conn.ping("marco");
    await idle();
    await vi.advanceTimersByTimeAsync(250);
    peer.send(pong("marco"));
    expect(await ping).toBeCloseTo(250);
    expect(conn.roundTripTime).toBeCloseTo(250);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gives each ping a payload of its own", async () => {
    const { conn, peer } = connAndRawPeer("server");
    void conn.ping();
    void conn.ping();
    const [one, other] = [await peer.readFrame(), await peer.readFrame()];
    expect([one.opcode, other.opcode]).toEqual([9, 9]);
    expect(one.payload.equals(other.payload)).toBe(false);
  });

  it("resolves by a later pong too: a peer may answer only the newest", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const pings = ["one", "two", "three"].map((payload) => conn.ping(payload));
    await idle();
    peer.send(pong("two"));
    await idle();
    const states = await Promise.all(pings.map((ping) => stateOf(ping)));
    expect(states).toEqual(["fulfilled", "fulfilled", "pending"]);
    conn.terminate();
  });

  it("takes no unasked pong for its answer, whatever its payload", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const ping = conn.ping("mine");
    for (const payload of ["", "__proto__", "mine ", "constructor"]) peer.send(pong(payload));
    expect(await stateOf(ping)).toBe("pending");
    expect(conn.readyState).toBe(1);
    conn.terminate();
  });

  it("works between two connections", async () => {
    const { server, client } = connPair();
    expect(await server.ping()).toBeGreaterThanOrEqual(0);
    expect(await client.ping(Buffer.from("x"))).toBeGreaterThanOrEqual(0);
  });

  it("times out softly: by its own option, else by the heartbeat's", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { conn } = connAndRawPeer("server", { heartbeat: { interval: 1e6, timeout: 300 } });
    const [own, inherited] = [conn.ping("a", { timeout: 100 }), conn.ping("b")];
    await vi.advanceTimersByTimeAsync(100);
    const error = await rejectionOf(own);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ code: "WS_TIMEOUT" });
    expect(await stateOf(inherited)).toBe("pending");
    await vi.advanceTimersByTimeAsync(200);
    expect(await rejectionOf(inherited)).toMatchObject({ code: "WS_TIMEOUT" });
    expect(conn.readyState).toBe(1);
    conn.terminate();
  });

  it("can be aborted; the ping that waits for its turn is not sent then", async () => {
    const { conn, peer } = await blocked();
    const controller = new AbortController();
    const ping = conn.ping("unwanted", { signal: controller.signal });
    controller.abort("stop");
    expect(await rejectionOf(ping)).toBe("stop");
    void conn.ping("wanted");
    peer.resumeReading();
    await peer.readFrame();
    expect(await opcodes(peer, 1)).toEqual(["9:wanted"]);
  });

  it("starts its clock when it is on its way", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { conn, peer } = await blocked();
    const ping = conn.ping("p", { timeout: 60_000 });
    await vi.advanceTimersByTimeAsync(5000);
    peer.resumeReading();
    await peer.readFrame();
    await peer.readFrame();
    await vi.advanceTimersByTimeAsync(70);
    peer.send(pong("p"));
    expect(await ping).toBeCloseTo(70);
  });

  it.each([
    ["126 bytes", "x".repeat(126), RangeError],
    ["a number, which must not become memory", 125, TypeError],
    ["null", null, TypeError],
  ])("refuses %s", async (_title, payload, kind) => {
    const { conn, peer } = connAndRawPeer("server");
    // JavaScript callers can give anything.
    expect(await rejectionOf(conn.ping(payload as string))).toBeInstanceOf(kind);
    await conn.writeMessage(1, "next");
    expect(await opcodes(peer, 1)).toEqual(["1:next"]);
  });

  it("rejects when the connection ends first, and harms nobody unheard", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const ping = conn.ping();
    void conn.ping();
    peer.send(rawClose(4000));
    expect(await rejectionOf(ping)).toMatchObject({ code: 4000 });
    await conn.closed;
    void conn.ping();
    await idle();
  });
});

describe("conn.writeControl()", () => {
  it("sends pings and pongs without waiting for an answer", async () => {
    const { conn, peer } = connAndRawPeer("server");
    await conn.writeControl(9, "ping");
    await conn.writeControl(10, Buffer.from("pong"));
    await conn.writeControl(9);
    expect(await opcodes(peer, 3)).toEqual(["9:ping", "a:pong", "9:"]);
  });

  it("passes messages that wait", async () => {
    const { conn, peer } = await blocked();
    void conn.writeMessage(1, "waits");
    const control = conn.writeControl(10, "passes");
    expect(await stateOf(control)).toBe("pending");
    peer.resumeReading();
    await control;
    await peer.readFrame();
    expect(await opcodes(peer, 2)).toEqual(["a:passes", "1:waits"]);
  });

  it("is withdrawn when its deadline passes first; the connection stays usable", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const { conn, peer } = await blocked();
    const late = conn.writeControl(9, "late", { deadline: new Date(Date.now() + 1000) });
    await vi.advanceTimersByTimeAsync(1000);
    const error = await rejectionOf(late);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ code: "WS_WRITE_DEADLINE" });
    await expect(stateOf(conn.drained())).resolves.toBe("pending");
    void conn.writeControl(9, "next");
    peer.resumeReading();
    await peer.readFrame();
    expect(await opcodes(peer, 1)).toEqual(["9:next"]);
  });

  it("refuses a deadline that has passed, and sends nothing", async () => {
    const { conn, peer } = connAndRawPeer("server");
    for (const deadline of [Date.now() - 1, new Date(0), 0]) {
      expect(await rejectionOf(conn.writeControl(9, "x", { deadline }))).toMatchObject({
        code: "WS_WRITE_DEADLINE",
      });
    }
    await conn.writeControl(9, "y", { deadline: Date.now() + 60_000 });
    await conn.writeControl(9, "z", { deadline: Number.MAX_SAFE_INTEGER });
    expect(await opcodes(peer, 2)).toEqual(["9:y", "9:z"]);
  });

  it.each([
    ["type text", 1, "x", TypeError],
    ["type 0", 0, "x", TypeError],
    ["no type", undefined, "x", TypeError],
    ["126 bytes", 9, "x".repeat(126), RangeError],
    ["a number", 9, 16, TypeError],
    ["a close over 125 bytes", 8, Buffer.alloc(126), RangeError],
  ])("refuses %s", async (_title, type, payload, kind) => {
    const { conn } = connAndRawPeer("server");
    // JavaScript callers can give anything.
    expect(await rejectionOf(conn.writeControl(type as 9, payload as string))).toBeInstanceOf(kind);
    expect(conn.readyState).toBe(1);
  });

  it("is bounded when nobody waits for it and the peer does not read", async () => {
    const { conn, peer } = connAndRawPeer("server", {
      maxBufferedAmount: 300_000,
      heartbeat: false,
    });
    peer.stopReading();
    conn.send(Buffer.alloc(200_000));
    await idle();
    for (let count = 0; count < 10_000 && conn.readyState === 1; count++) {
      void conn.writeControl(9, "flood");
      void conn.ping("flood");
    }
    expect(await conn.closed).toMatchObject({ code: 1013 });
  });
});

describe("control frame handlers", () => {
  it("a ping handler replaces the pong", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const seen: string[] = [];
    conn.setPingHandler((payload) => {
      seen.push(payload.toString());
      void conn.writeControl(10, `custom ${payload.toString()}`);
    });
    peer.send(rawPing("a"));
    expect(await opcodes(peer, 1)).toEqual(["a:custom a"]);
    conn.setPingHandler(null);
    peer.send(rawPing("b"));
    expect(await opcodes(peer, 1)).toEqual(["a:b"]);
    expect(seen).toEqual(["a"]);
  });

  it("a pong handler sees every pong, and pings resolve all the same", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const seen: string[] = [];
    conn.setPongHandler((payload) => void seen.push(payload.toString()));
    const ping = conn.ping("mine");
    peer.send(pong("unasked"));
    peer.send(pong("mine"));
    await ping;
    expect(seen).toEqual(["unasked", "mine"]);
  });

  it("a close handler takes the answer upon itself", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const seen: Array<[number, string]> = [];
    conn.setCloseHandler((code, reason) => {
      seen.push([code, reason]);
      void conn.writeControl(8, hex("1388").fill(0).subarray(0, 0));
    });
    peer.send(rawClose(4000, "why"));
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 4000, reason: "why" });
    const answer = await peer.readFrame();
    expect([answer.opcode, answer.payload.length, seen]).toEqual([8, 0, [[4000, "why"]]]);
    expect(await conn.closed).toMatchObject({ code: 4000 });
  });

  it("a close handler that sends nothing leaves the end to closeTimeout", async () => {
    const { conn, peer } = connAndRawPeer("server", { closeTimeout: 20 });
    conn.setCloseHandler(() => {});
    peer.send(rawClose(4000));
    expect(await conn.closed).toMatchObject({ code: 4000, wasClean: false });
    expect(peer.unread.length).toBe(0);
  });

  it("the defaults can be called by a handler of one's own", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const { pingHandler, pongHandler, closeHandler } = conn;
    conn.setPingHandler((payload) => pingHandler(payload));
    conn.setPongHandler((payload) => pongHandler(payload));
    conn.setCloseHandler((code, reason) => closeHandler(code, reason));
    peer.send(Buffer.concat([rawPing("p"), pong("q"), rawClose(4001)]));
    expect(await opcodes(peer, 1)).toEqual(["a:p"]);
    expect((await peer.readClose()).code).toBe(4001);
    expect(await conn.closed).toMatchObject({ code: 4001, wasClean: true });
  });

  const boom = new Error("handler");
  it.each([
    [
      "ping",
      "throws",
      () => {
        throw boom;
      },
      rawPing("x"),
    ],
    ["ping", "rejects", () => Promise.reject(boom), rawPing("x")],
    [
      "pong",
      "throws",
      () => {
        throw boom;
      },
      pong("x"),
    ],
    ["pong", "rejects", () => Promise.reject(boom), pong("x")],
    [
      "close",
      "throws",
      () => {
        throw boom;
      },
      rawClose(1000),
    ],
    ["close", "rejects", () => Promise.reject(boom), rawClose(1000)],
  ] as const)(
    "a %s handler that %s ends the connection with 1011 and that error",
    async (kind, how, handler, frame) => {
      const { conn, peer } = connAndRawPeer("server");
      if (kind === "ping") conn.setPingHandler(handler);
      else if (kind === "pong") conn.setPongHandler(handler);
      else conn.setCloseHandler(handler);
      peer.send(frame);
      expect((await peer.readClose()).code).toBe(1011);
      const error = await rejectionOf(conn.readMessage());
      const reported = kind === "close" && how === "rejects" ? conn.signal.reason : boom;
      expect(error).toBe(reported); // a close frame has ended reading before a promise can reject
      await conn.closed;
    },
  );

  it.each(["setPingHandler", "setPongHandler", "setCloseHandler"] as const)(
    "%s refuses what is no function",
    (set) => {
      const { conn } = connAndRawPeer("server");
      for (const handler of [undefined, 1, "x", {}]) {
        // JavaScript callers can give anything.
        expect(() => conn[set](handler as unknown as null)).toThrow(TypeError);
      }
    },
  );
});
