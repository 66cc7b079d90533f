import { describe, expect, it } from "vitest";
import { renderBlock } from "../src/report.ts";
import { reached, TARGETS } from "../src/targets.ts";
import { WORKLOADS } from "../src/workloads.ts";
import { load, resultOf } from "./sample-results.ts";

describe("report", () => {
  const results = [
    resultOf("echo-64B-1", { longwire: 2, ws: 5 }, "v24.21.0"),
    resultOf("echo-64B-1", { longwire: 4, ws: 4 }, "v20.20.2"),
    resultOf("growth-bytes-1", { longwire: 2, ws: 2 }),
    resultOf("growth-bytes-2", { longwire: 4, ws: 8 }),
  ];

  it("has a table for each Node, the lowest first, and a plot of both", () => {
    const { markdown = "", svg = "" } = renderBlock("echo-64B-1", results) ?? {};
    expect(markdown.indexOf("Node 20.20.2")).toBeLessThan(markdown.indexOf("Node 24.21.0"));
    expect(markdown).toContain("(performance/echo-64B-1.svg)");
    expect(svg).toContain("Node 20.20.2");
    expect(svg).toContain("Node 24.21.0");
  });

  it("shows a series as one table, its cost for each of what grows", () => {
    const markdown = renderBlock("growth-bytes", results)?.markdown;
    expect(markdown).toContain("| 1 | 2.00 | 2.00 |");
    expect(markdown).toContain("| 2 | 2.00 | 4.00 |");
  });

  it("says where figures come from", () => {
    expect(renderBlock("machine", results)?.markdown).toContain("a machine");
    expect(renderBlock("echo-64B-1", results)?.markdown).toContain("Commit abc1234");
  });

  it("leaves a block without results", () => {
    expect(renderBlock("handshakes", results)).toBeUndefined();
  });

  it("knows no block that is no workload", () => {
    expect(() => renderBlock("nonsense", results)).toThrow(
      "no workload or series is called nonsense",
    );
  });
});

describe("targets", () => {
  it("are about workloads and subjects that there are", () => {
    const present = WORKLOADS.flatMap(({ id, subjects }) =>
      subjects.map((subject) => `${id} ${subject.id}`),
    );
    for (const { workload, subject, against } of TARGETS) {
      expect(present).toEqual(
        expect.arrayContaining([`${workload} ${subject}`, `${workload} ${against}`]),
      );
    }
  });

  it("say which are missed", () => {
    const results = [resultOf("echo-64B-1", { longwire: 4, "longwire-await": 4, ws: 5.1 })];
    const lines = renderBlock("targets", results)?.markdown.split("\n") ?? [];
    expect(lines).toContain(
      "| echo-64B-1 | longwire | ws | ≥ 1.25 × | 1.27 × |".replace("1.27", "1.27"),
    );
    const missed = [resultOf("echo-64B-1", { longwire: 4.9, ws: 5 })];
    expect(renderBlock("targets", missed)?.markdown).toContain("**1.02 ×**, missed");
  });

  it("compare latency by p99, whatever the CPU time", () => {
    const result = resultOf("latency", { longwire: 9, ws: 1 });
    const p99 = [100, 150];
    const subjects = result.subjects.map((subject, index) => ({
      ...subject,
      samples: [load({ p99: p99[index] ?? 0 })],
    }));
    const target = TARGETS.find(({ of }) => of === "p99")!; // there is one
    expect(reached(target, [{ ...result, subjects }])).toBe(1.5);
  });
});
