/** The heartbeat: pings after silence, and the end of a peer that stays silent. */
import {
  connAndRawPeer,
  hex,
  rawFrame,
  rawText,
  readRawFrame,
  type RawPeer,
} from "@longwire/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ConnOptions } from "../../src/index.ts";
import { idle, rejectionOf } from "./harness.ts";

const OPTIONS = { heartbeat: { interval: 1000, timeout: 400 } };

beforeEach(() => {
  // setImmediate and nextTick stay real: the pair in memory needs them.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

function open(options: ConnOptions = {}) {
  return connAndRawPeer("server", { ...OPTIONS, ...options });
}

/** Lets time go by, in steps that let the pair in memory carry what is sent. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    await vi.advanceTimersByTimeAsync(Math.min(left, 100));
    await idle(2);
  }
}

/** Payloads of the pings that have come. */
async function pings(peer: RawPeer): Promise<Buffer[]> {
  const found: Buffer[] = [];
  while (peer.unread.length > 0) {
    const read = readRawFrame(peer.unread);
    if (read === undefined) throw new Error("half a frame");
    await peer.readBytes(read.size);
    if (read.frame.opcode === 9) found.push(read.frame.payload);
  }
  return found;
}

async function answer(peer: RawPeer): Promise<number> {
  const found = await pings(peer);
  for (const payload of found) peer.send(rawFrame({ opcode: 10, payload }));
  await idle();
  return found.length;
}

describe("heartbeat", () => {
  it("pings after the interval of silence, and again after the next one", async () => {
    const { conn, peer } = open();
    await pass(900);
    expect(await pings(peer)).toEqual([]);
    await pass(100);
    expect(await answer(peer)).toBe(1);
    await pass(1000);
    expect(await answer(peer)).toBe(1);
    await pass(1000);
    expect(await answer(peer)).toBe(1);
    expect(conn.readyState).toBe(1);
    conn.terminate();
  });

  it("gives every ping a payload of its own", async () => {
    const { conn, peer } = open();
    const payloads: string[] = [];
    for (let count = 0; count < 3; count++) {
      await pass(1000);
      const [payload = Buffer.alloc(0)] = await pings(peer);
      payloads.push(payload.toString("hex"));
      peer.send(rawFrame({ opcode: 10, payload }));
      await idle();
    }
    expect(new Set(payloads).size).toBe(3);
    conn.terminate();
  });

  it("does not ping while something comes: messages, pongs or half a frame", async () => {
    const { conn, peer } = open();
    void conn.discard();
    for (const bytes of [rawText("x"), rawFrame({ opcode: 10 }), hex("81"), hex("80 00000000")]) {
      await pass(900);
      peer.send(bytes);
      await idle();
    }
    await pass(900);
    expect(await pings(peer)).toEqual([]);
    conn.terminate();
  });

  it("ends a peer that stays silent with 1006 and says why", async () => {
    const { conn } = open();
    const read = conn.readMessage();
    await pass(1300);
    expect(conn.readyState).toBe(1);
    await pass(200);
    const error = await rejectionOf(read);
    expect(error).toMatchObject({ name: "CloseError", code: 1006, wasClean: false });
    expect(error).toMatchObject({ cause: { code: "WS_PONG_TIMEOUT" } });
    expect(await conn.closed).toMatchObject({ code: 1006 });
    expect(await rejectionOf(conn.writeMessage(1, "x"))).toMatchObject({ code: "WS_CLOSED" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("takes any sign of life for an answer", async () => {
    const { conn, peer } = open();
    void conn.discard();
    await pass(1300);
    peer.send(rawText("busy, but here"));
    await pass(900);
    expect(conn.readyState).toBe(1);
    expect(await pings(peer)).toHaveLength(1);
    await pass(200);
    expect(await pings(peer)).toHaveLength(1);
    conn.terminate();
  });

  it("measures the round trip", async () => {
    const { conn, peer } = open();
    expect(conn.roundTripTime).toBeUndefined();
    await pass(1000);
    await pass(200);
    await answer(peer);
    expect(conn.roundTripTime).toBeCloseTo(200);
    conn.terminate();
  });

  it("waits for no pong while this side has paused reading, and pings on to probe the peer", async () => {
    const { conn, peer } = open({ readQueueMessages: 1 });
    peer.send(Buffer.concat([rawText("one"), rawText("two"), rawText("three")]));
    await idle();
    await pass(5000);
    expect(conn.readyState).toBe(1);
    expect((await pings(peer)).length).toBeGreaterThanOrEqual(3);
    conn.terminate();
  });

  it("gives the peer its whole time again when reading goes on", async () => {
    const { conn, peer } = open({ readQueueMessages: 1 });
    peer.send(Buffer.concat([rawText("one"), rawText("two")]));
    await idle();
    await pass(3000);
    for (const text of ["one", "two"]) expect((await conn.readMessage()).text()).toBe(text);
    const read = conn.readMessage();
    await pass(300);
    expect(conn.readyState).toBe(1);
    await pass(1800);
    expect(await rejectionOf(read)).toMatchObject({ code: 1006 });
  });

  it("starts the clock when the ping is on its way: a slow reader of a long message is not lost", async () => {
    const { conn, peer } = open();
    peer.stopReading();
    conn.send(Buffer.alloc(300_000));
    await idle();
    await pass(10_000);
    expect(conn.readyState).toBe(1);
    peer.resumeReading();
    await idle(20);
    await pass(300);
    expect(await answer(peer)).toBe(1); // one, however long it had to wait
    expect(conn.readyState).toBe(1);
    await pass(1500);
    expect(conn.readyState).not.toBe(1);
  });

  it("remembers the newest ping only, when a busy peer answers none", async () => {
    const { conn, peer } = open();
    void conn.discard();
    for (let count = 0; count < 20; count++) {
      await pass(1000);
      peer.send(rawText("no pong from me"));
      await idle();
    }
    const sent = await pings(peer);
    expect(sent).toHaveLength(20);
    for (const payload of sent.slice(0, 19)) peer.send(rawFrame({ opcode: 10, payload }));
    await idle();
    expect(conn.roundTripTime).toBeUndefined();
    peer.send(rawFrame({ opcode: 10, payload: sent[19]! }));
    await idle();
    expect(conn.roundTripTime).toBeDefined();
    conn.terminate();
  });

  it("an endless timeout does not spin", async () => {
    vi.useRealTimers();
    const { conn, peer } = open({ heartbeat: { interval: 1, timeout: Infinity } });
    const set = vi.spyOn(globalThis, "setTimeout");
    expect((await peer.readFrame()).opcode).toBe(9);
    await idle(50);
    expect(set.mock.calls.every(([, ms]) => ms !== undefined && ms <= 2_147_483_647)).toBe(true);
    set.mockRestore();
    conn.terminate();
  });

  it("false switches it off", async () => {
    const { conn, peer } = open({ heartbeat: false });
    expect(vi.getTimerCount()).toBe(0);
    await pass(5000);
    expect(peer.unread.length).toBe(0);
    conn.terminate();
  });

  it("an infinite timeout pings and never ends a peer", async () => {
    const { conn, peer } = open({ heartbeat: { interval: 1000, timeout: Infinity } });
    await pass(5000);
    expect((await pings(peer)).length).toBeGreaterThanOrEqual(1);
    expect(conn.readyState).toBe(1);
    conn.terminate();
  });

  it("stops when the connection ends", async () => {
    const { conn, peer } = open();
    conn.terminate();
    await pass(3000);
    expect(peer.unread.length).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
