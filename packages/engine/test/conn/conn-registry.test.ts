/** The connections of a server, and their drain. */
import { connAndRawPeer, rawClose, rawText } from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ConnRegistry, type Conn } from "../../src/index.ts";
import { idle, rejectionOf, stateOf } from "./harness.ts";

afterEach(() => {
  vi.useRealTimers();
});

function registryOf(...conns: Conn[]): ConnRegistry {
  const registry = new ConnRegistry();
  for (const conn of conns) registry.add(conn);
  return registry;
}

describe("ConnRegistry", () => {
  it("holds each connection until its socket is gone", async () => {
    const { conn: one, peer } = connAndRawPeer("server");
    const { conn: other } = connAndRawPeer("server");
    const registry = registryOf(one, other, one);
    expect([registry.size, [...registry]]).toEqual([2, [one, other]]);
    void one.close();
    await idle();
    expect(registry.size).toBe(2);
    peer.send(rawClose(1000));
    await one.closed;
    await idle();
    expect([...registry]).toEqual([other]);
    other.terminate();
    await other.closed;
    await idle();
    expect(registry.size).toBe(0);
  });

  it("may be iterated while connections go", async () => {
    const conns = Array.from({ length: 5 }, () => connAndRawPeer("server").conn);
    const registry = registryOf(...conns);
    for (const conn of registry) conn.terminate();
    await Promise.all(conns.map((conn) => conn.closed));
    await idle();
    expect(registry.size).toBe(0);
  });

  it("takes no harm from a connection that has ended before", async () => {
    const { conn } = connAndRawPeer("server");
    conn.terminate();
    await conn.closed;
    const registry = registryOf(conn);
    await idle();
    expect(registry.size).toBe(0);
  });
});

describe("ConnRegistry.drain()", () => {
  const DRAIN = { code: 1001, reason: "restart", timeout: 5000 };

  it("closes all connections and resolves when every socket is gone", async () => {
    const pairs = [connAndRawPeer("server"), connAndRawPeer("server")];
    const registry = registryOf(...pairs.map(({ conn }) => conn));
    const drained = registry.drain(DRAIN);
    for (const { peer } of pairs) {
      expect(await peer.readClose()).toEqual({ code: 1001, reason: "restart" });
    }
    pairs[0]?.peer.send(rawClose(1001));
    await idle();
    expect(await stateOf(drained)).toBe("pending");
    pairs[1]?.peer.send(rawClose(1001));
    await drained;
    expect(registry.size).toBe(0);
  });

  it("resolves at once when there is none", async () => {
    expect(await stateOf(new ConnRegistry().drain(DRAIN))).toBe("fulfilled");
  });

  it("closes a connection that is held when its hold lets go", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const hold = conn.hold();
    const drained = registryOf(conn).drain(DRAIN);
    await idle();
    expect(conn.readyState).toBe(1);
    await conn.writeMessage(1, "the last answer");
    expect((await peer.readFrame()).payload.toString()).toBe("the last answer");
    hold[Symbol.dispose]();
    expect((await peer.readClose()).code).toBe(1001);
    peer.send(rawClose(1001));
    await drained;
  });

  it("does not wait for holds that a drain may end", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const hold = conn.hold({ drain: false });
    const drained = registryOf(conn).drain(DRAIN);
    expect((await peer.readClose()).code).toBe(1001);
    peer.send(rawClose(1001));
    await drained;
    hold[Symbol.dispose]();
  });

  it("terminates what is open when its time is over: held ones and those that do not answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const silent = connAndRawPeer("server", { heartbeat: false });
    const held = connAndRawPeer("server", { heartbeat: false });
    held.conn.hold();
    const drained = registryOf(silent.conn, held.conn).drain({ ...DRAIN, timeout: 2000 });
    await vi.advanceTimersByTimeAsync(1999);
    expect(await stateOf(drained)).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    await idle();
    expect(await stateOf(drained)).toBe("fulfilled");
    expect(await held.conn.closed).toMatchObject({ code: 1006 });
    await vi.advanceTimersByTimeAsync(5000); // one that connections share
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves connections alone that come later", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const registry = registryOf(conn);
    const drained = registry.drain(DRAIN);
    const { conn: late } = connAndRawPeer("server");
    registry.add(late);
    await peer.readClose();
    peer.send(rawClose(1001));
    await drained;
    expect([late.readyState, registry.size]).toEqual([1, 1]);
    late.terminate();
  });

  it("ends iterations quietly and drops what the peer still sends", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const read: string[] = [];
    const loop = (async () => {
      for await (const message of conn) read.push(message.text());
    })();
    const drained = registryOf(conn).drain(DRAIN);
    peer.send(Buffer.concat([rawText("late"), rawClose(1001)]));
    await Promise.all([drained, loop]);
    expect(read).toEqual([]);
  });

  it("waits for ever with an infinite timeout", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const drained = registryOf(conn).drain({ ...DRAIN, timeout: Infinity });
    await peer.readClose();
    await idle(20);
    expect(conn.readyState).toBe(2);
    peer.send(rawClose(1001));
    await drained;
    expect(await conn.closed).toMatchObject({ wasClean: true });
  });

  it.each([
    ["a code that must not be sent", { code: 1006 }],
    ["a reason that is too long", { reason: "x".repeat(124) }],
    ["a timeout that is no time", { timeout: Number.NaN }],
    ["a negative timeout", { timeout: -1 }],
  ])("refuses %s, and closes nothing", async (_title, wrong) => {
    const { conn } = connAndRawPeer("server");
    expect(await rejectionOf(registryOf(conn).drain({ ...DRAIN, ...wrong }))).toBeInstanceOf(
      RangeError,
    );
    expect(conn.readyState).toBe(1);
    conn.terminate();
  });
});
