import { Upgrader, type UpgraderOptions } from "@longwire/engine";
import { describe, expect, it } from "vitest";

function within(outer: UpgraderOptions, own: UpgraderOptions): Upgrader {
  return new Upgrader(own, new Upgrader(outer));
}

describe("an Upgrader within another", () => {
  it("inherits what its own options leave out, through every level", () => {
    const { options } = new Upgrader(
      { closeTimeout: 3 },
      within({ readLimit: 1 }, { readLimit: 2 }),
    );
    expect(options.conn).toMatchObject({ readLimit: 2, closeTimeout: 3 });
  });

  it("keeps an inherited option whose own value is undefined", () => {
    expect(within({ readLimit: 1 }, { readLimit: undefined }).options.conn.readLimit).toBe(1);
  });

  it("replaces either of the exclusive origin options by the other", () => {
    const checkOrigin = (): boolean => true;
    const allowedOrigins = ["https://a.example"];
    expect(within({ allowedOrigins }, { checkOrigin }).options.checkOrigin).toBe(checkOrigin);
    expect(within({ checkOrigin }, { allowedOrigins }).options.checkOrigin).toBeUndefined();
    expect(within({ checkOrigin }, {}).options.checkOrigin).toBe(checkOrigin);
  });

  it("refuses a combination that its own options make wrong", () => {
    expect(() => within({ readLimit: 1 }, { closeTimeout: -1 })).toThrow(RangeError);
  });
});

describe("connections of an Upgrader within another", () => {
  it("count in both, and either limit refuses", () => {
    const outer = new Upgrader({ maxConnections: 2 });
    const first = new Upgrader({ maxConnections: 1 }, outer);
    const second = new Upgrader({}, outer);
    const slot = first.slots.take("a");
    expect(slot).toBeTypeOf("object");
    expect(first.slots.take("a")).toBe(503);
    expect(second.slots.take("a")).toBeTypeOf("object");
    expect(second.slots.take("a")).toBe(503);
    expect([outer.slots.taken, first.slots.taken, second.slots.taken]).toEqual([2, 1, 1]);
    if (typeof slot === "object") {
      slot.release();
      slot.release(); // does nothing more
    }
    expect([outer.slots.taken, first.slots.taken]).toEqual([1, 0]);
    expect(second.slots.take("a")).toBeTypeOf("object");
  });

  it("leave no place taken here when the outer limit per address refuses", () => {
    const outer = new Upgrader({ maxConnectionsPerAddress: 1 });
    const inner = new Upgrader({}, outer);
    expect(inner.slots.take("a")).toBeTypeOf("object");
    expect(inner.slots.take("a")).toBe(429);
    expect(inner.slots.take("b")).toBeTypeOf("object");
    expect(inner.slots.taken).toBe(2);
  });
});
