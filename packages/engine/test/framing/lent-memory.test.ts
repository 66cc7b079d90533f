/** Memory that is valid during a callback only: it comes back, unless somebody has kept it. */
import { describe, expect, it } from "vitest";
import {
  copyIfRead,
  giveStore,
  keepBytes,
  keepStore,
  lend,
  takeBack,
  takeStore,
} from "../../src/framing/lent-memory.ts";
import { readMemory } from "../../src/framing/read-memory.ts";

// A length that no test had before: its memory is new. Buffers are compared by hand, since a difference takes seconds to print.
const sized = (
  (next) => (): number =>
    (next += 4096)
)(1_000_000);

describe("lent memory", () => {
  it("serves again once it has been given back", () => {
    const bytes = sized();
    const store = takeStore(bytes);
    expect(store.length).toBe(bytes);
    expect(takeStore(bytes) === store).toBe(false);
    lend(store);
    takeBack();
    expect(takeStore(bytes) === store).toBe(true);
  });

  it("serves a message of half its length, and none that is shorter, or longer than itself", () => {
    const store = takeStore(sized());
    giveStore(store);
    expect(takeStore(store.length + 1) === store).toBe(false);
    expect(takeStore(Math.floor(store.length / 2) - 1) === store).toBe(false);
    expect(takeStore(store.length / 2) === store).toBe(true);
  });

  it("is not used again when somebody has kept any view of it", () => {
    const store = takeStore(sized());
    lend(store);
    keepStore(new Uint8Array(store.buffer, 10, 5));
    takeBack();
    expect(takeStore(store.length) === store).toBe(false);
  });

  it("knows the memory of each callback when one runs inside another", () => {
    const [outer, inner] = [takeStore(sized()), takeStore(sized())];
    lend(outer);
    lend(inner);
    keepStore(outer);
    takeBack();
    takeBack();
    expect(takeStore(inner.length) === inner).toBe(true);
    expect(takeStore(outer.length) === outer).toBe(false);
  });

  it("keeps 4 MiB at most: what has come last", () => {
    const stores = Array.from({ length: 8 }, (): Buffer => Buffer.allocUnsafeSlow(1_500_000));
    for (const store of stores) giveStore(store);
    giveStore(Buffer.allocUnsafeSlow(5_000_000));
    const again = stores.map(() => takeStore(1_500_000));
    expect(again.map((store) => stores.indexOf(store)).filter((at) => at >= 0)).toEqual([6, 7]);
  });

  it("keeps nothing below 16 KiB, however much of it comes back", () => {
    const [short, long] = [Buffer.allocUnsafeSlow(16_383), Buffer.allocUnsafeSlow(16_384)];
    giveStore(short);
    giveStore(long);
    expect(takeStore(16_383) === short).toBe(false);
    expect(takeStore(16_384) === long).toBe(false); // taken by the one before
    giveStore(long);
    expect(takeStore(16_384) === long).toBe(true);
  });

  it("is copied where the next read will write, and nowhere else", () => {
    readMemory.write("read");
    const view = readMemory.subarray(1, 4);
    const copy = copyIfRead(view);
    expect(keepBytes(view)).toEqual(Buffer.from("ead"));
    readMemory.fill(0, 0, 4);
    expect(copy.toString()).toBe("ead");
    const own = Buffer.from("own");
    expect(copyIfRead(own)).toBe(own);
    expect(keepBytes(own)).toBe(own);
  });
});
