/** Time limits that share timers: their order, their end, and what they leave behind. */
import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { endWait, startWait, Timed } from "../../src/conn/shared-timer.ts";

const over: string[] = [];

class Named extends Timed {
  readonly name: string;
  readonly #then: () => void;

  constructor(name: string, then: () => void = () => {}) {
    super();
    this.name = name;
    this.#then = then;
  }

  onTime(): void {
    over.push(this.name);
    this.#then();
  }
}

function useFakeClock(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
}

beforeEach(() => {
  over.length = 0;
  useFakeClock();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("startWait", () => {
  it("tells those of one length in their order, each in its time, with one timer", () => {
    startWait(new Named("a"), 640);
    vi.advanceTimersByTime(100);
    startWait(new Named("b"), 640);
    startWait(new Named("c"), 640);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(539);
    expect(over).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(over).toEqual(["a"]);
    vi.advanceTimersByTime(99);
    expect(over).toEqual(["a"]);
    vi.advanceTimersByTime(1);
    expect(over).toEqual(["a", "b", "c"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is at most a 64th late", () => {
    for (let at = 0; at < 20; at++) {
      startWait(new Named(String(at)), 640);
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(640 - 20);
    expect(over).toEqual(["0"]);
    vi.advanceTimersByTime(9);
    expect(over).toEqual(["0"]); // they share the next wake-up
    vi.advanceTimersByTime(1);
    expect(over).toHaveLength(11);
    vi.advanceTimersByTime(10);
    expect(over).toHaveLength(20);
  });

  it("takes different lengths, fractions among them", () => {
    startWait(new Named("long"), 30);
    startWait(new Named("short"), 0.5);
    vi.advanceTimersByTime(2);
    expect(over).toEqual(["short"]);
    vi.advanceTimersByTime(30);
    expect(over).toEqual(["short", "long"]);
  });

  it("starts again what waits already", () => {
    const one = new Named("one");
    startWait(one, 100);
    vi.advanceTimersByTime(90);
    startWait(one, 100);
    vi.advanceTimersByTime(90);
    expect(over).toEqual([]);
    vi.advanceTimersByTime(15);
    expect(over).toEqual(["one"]);
  });

  it("may be called while others are told", () => {
    const again: Named = new Named("again", () => startWait(again, 50));
    startWait(again, 50);
    vi.advanceTimersByTime(210);
    expect(over).toHaveLength(4);
    endWait(again);
    vi.advanceTimersByTime(500);
    expect(over).toHaveLength(4);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes on behind one that throws", () => {
    startWait(
      new Named("bad", () => {
        throw new Error("of the owner");
      }),
      50,
    );
    startWait(new Named("good"), 50);
    expect(() => vi.advanceTimersByTime(50)).toThrow("of the owner");
    vi.advanceTimersByTime(50);
    expect(over).toEqual(["bad", "good"]);
  });

  it("keeps AsyncLocalStorage of one connection from another", async () => {
    vi.useRealTimers(); // a fake clock knows no async context
    const storage = new AsyncLocalStorage<string>();
    const seen = await new Promise((resolve) => {
      storage.run("mine", () => startWait(new Named("a", () => resolve(storage.getStore())), 5));
    });
    expect(seen).toBeUndefined();
  });

  it("works on whatever clock a test has put in, with waits of another clock left over", () => {
    startWait(new Named("left over"), 50);
    vi.useRealTimers();
    useFakeClock();
    startWait(new Named("new"), 50);
    vi.advanceTimersByTime(60);
    expect(over).toEqual(["new"]);
  });
});

describe("endWait", () => {
  it("takes out the first, the last and one between", () => {
    const all = ["a", "b", "c", "d", "e"].map((name) => new Named(name));
    for (const one of all) startWait(one, 100);
    for (const at of [0, 2, 4]) endWait(all[at]!);
    vi.advanceTimersByTime(110);
    expect(over).toEqual(["b", "d"]);
  });

  it("leaves a timer that finds nobody, and a later wait its whole time", () => {
    const gone = new Named("gone");
    startWait(gone, 100);
    vi.advanceTimersByTime(60);
    endWait(gone);
    endWait(gone);
    startWait(new Named("later"), 100);
    vi.advanceTimersByTime(99);
    expect(over).toEqual([]);
    vi.advanceTimersByTime(3);
    expect(over).toEqual(["later"]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
