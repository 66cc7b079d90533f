import { describe, expect, it } from "vitest";
import { barPlot, escapeXml, linePlot, roundUp } from "../src/plot.ts";

const bar = (label: string, value: number, ours = false) => ({
  label,
  value,
  least: value * 0.9,
  most: value * 1.1,
  text: `${value} a second`,
  ours,
});

const widths = (svg: string): number[] =>
  [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/gu)].map((match) => Number(match[1]));

describe("bar plot", () => {
  const svg = barPlot("Echo", "more is better", [
    { title: "Node 20", bars: [bar("Longwire", 200, true), bar("ws <8>", 100)] },
    { title: "Node 24", bars: [bar("Longwire", 50, true)] },
  ]);

  it("draws lengths in proportion, on one scale for all groups", () => {
    const [first = 0, second = 0, third = 0] = widths(svg);
    expect(first / second).toBeCloseTo(2, 2);
    expect(first / third).toBeCloseTo(4, 1);
  });

  it("is well-formed whatever a label holds", () => {
    expect(svg).toContain("ws &lt;8&gt;");
    expect(escapeXml(`<a href="&">`)).toBe("&lt;a href=&quot;&amp;&quot;&gt;");
  });

  it("has colours for light and for dark ground", () => {
    expect(svg).toContain("prefers-color-scheme: dark");
  });
});

const heights = (svg: string): number[][] =>
  [...svg.matchAll(/points="([^"]*)"/gu)].map((match) =>
    (match[1] ?? "").split(" ").map((point) => Number(point.split(",")[1])),
  );

describe("line plot", () => {
  it("draws what stays the same as a level line, and what grows as one that rises", () => {
    const svg = linePlot(
      "Growth",
      "µs",
      ["1", "2", "4"],
      [
        { label: "flat", ours: true, values: [3, 3, 3] },
        { label: "grows", ours: false, values: [1, 2, 4] },
      ],
    );
    const [flat = [], grows = []] = heights(svg);
    expect(new Set(flat).size).toBe(1);
    expect(grows.toSorted((a, b) => b - a)).toEqual(grows); // y points down
  });

  it("leaves out what was not measured", () => {
    const svg = linePlot(
      "Growth",
      "µs",
      ["1", "2"],
      [{ label: "short", ours: true, values: [3, undefined] }],
    );
    expect(heights(svg)).toEqual([[expect.any(Number)]]);
  });

  it("gives powers of ten the same distance when logarithmic", () => {
    const svg = linePlot(
      "Codec",
      "ns",
      ["1", "2", "3"],
      [{ label: "x", ours: true, values: [10, 100, 1000] }],
      true,
    );
    const [[a = 0, b = 0, c = 0] = []] = heights(svg);
    expect(a - b).toBeCloseTo(b - c, 5);
  });

  it.each([
    [0.7, 1],
    [1, 1],
    [3, 5],
    [5.1, 10],
    [180, 200],
  ])("rounds the top of the scale from %d to %d", (value, top) => {
    expect(roundUp(value)).toBeCloseTo(top);
  });
});
