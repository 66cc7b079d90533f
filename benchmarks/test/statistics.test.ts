import { describe, expect, it } from "vitest";
import { median, spread } from "../src/statistics.ts";

describe("spread", () => {
  it("takes the middle of an odd number of values, whatever their order", () => {
    expect(spread([30, 1, 2])).toEqual({ median: 2, least: 1, most: 30 });
  });

  it("takes the mean of the middle two of an even number", () => {
    expect(spread([4, 1, 3, 100])).toEqual({ median: 3.5, least: 1, most: 100 });
  });

  it("sorts by number, not by text", () => {
    expect(median([10, 9, 100])).toBe(10);
  });

  it("is NaN of nothing", () => {
    expect(median([])).toBeNaN();
  });
});
