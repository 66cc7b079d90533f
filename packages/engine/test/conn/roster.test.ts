/** Things that come and go, each with its place. */
import { describe, expect, it } from "vitest";
import { Roster } from "../../src/conn/roster.ts";
import type { Place } from "../../src/conn/roster.ts";

describe("Roster", () => {
  it("takes out whichever it is asked to, once", () => {
    const roster = new Roster<string>();
    const places = ["a", "b", "c", "d"].map((item) => roster.add(item));
    for (const [at, left] of [
      [1, "acd"],
      [1, "acd"],
      [3, "ac"],
      [0, "c"],
      [2, ""],
      [2, ""],
    ] as const) {
      roster.remove(places[at]!);
      expect([...roster].toSorted().join("")).toBe(left);
      expect(roster.size).toBe(left.length);
    }
  });

  it("agrees with a Set whatever comes and goes", () => {
    const roster = new Roster<number>();
    const model = new Map<number, Place<number>>();
    let state = 1;
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    for (let step = 0; step < 2000; step++) {
      if (random(2) === 0 || model.size === 0) model.set(step, roster.add(step));
      else {
        const [item, place] = [...model][random(model.size)]!;
        roster.remove(place);
        model.delete(item);
      }
      expect(roster.size).toBe(model.size);
    }
    expect([...roster].toSorted((a, b) => a - b)).toEqual([...model.keys()]);
  });

  it("may be iterated while things go", () => {
    const roster = new Roster<number>();
    const places = [0, 1, 2, 3].map((item) => roster.add(item));
    const seen: number[] = [];
    for (const item of roster) {
      seen.push(item);
      roster.remove(places[item]!);
    }
    expect([seen, roster.size]).toEqual([[0, 1, 2, 3], 0]);
  });
});
