import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  parseResult,
  ratio,
  readResults,
  saveResult,
  summarize,
  utilization,
} from "../src/results.ts";
import { load, resultOf } from "./sample-results.ts";

describe("summarize", () => {
  it("gives CPU microseconds for each message as the median of the rounds", () => {
    const samples = [load({ cpuSeconds: 1 }), load({ cpuSeconds: 3 }), load({ cpuSeconds: 2 })];
    const { cost, throughput } = summarize({ id: "ws", label: "ws", version: "8", samples });
    expect(cost).toEqual({ median: 2, least: 1, most: 3 });
    expect(throughput).toBe(500_000); // a million messages in 2 s
  });

  it("gives bytes for each connection", () => {
    const samples = [{ rss: 9000, heapUsed: 5000, external: 0 }];
    expect(summarize({ id: "ws", label: "ws", version: "8", samples }).cost.median).toBe(9000);
  });

  it("gives nanoseconds of a codec", () => {
    const samples = [{ nanoseconds: 40 }];
    expect(summarize({ id: "ws", label: "ws", version: "8", samples }).cost.median).toBe(40);
  });
});

describe("utilization", () => {
  it("is the median share of the time that the server ran", () => {
    const samples = [load({ cpuSeconds: 1 }), load({ cpuSeconds: 2 }), load({ cpuSeconds: 1.8 })];
    expect(utilization({ id: "ws", label: "ws", version: "8", samples })).toBe(0.9); // of 2 s
  });
});

describe("ratio", () => {
  const result = resultOf("echo-64B-1", { longwire: 2, ws: 5 });

  it("is how many times less the first one costs", () => {
    expect(ratio(result, "longwire", "ws")).toBe(2.5);
    expect(ratio(result, "ws", "longwire")).toBe(0.4);
  });

  it("is undefined where one of them has not been measured", () => {
    expect(ratio(result, "longwire", "uws")).toBeUndefined();
  });
});

describe("results on disk", () => {
  it("are read as they were saved, one file for each workload and major version", () => {
    const folder = mkdtempSync(join(tmpdir(), "results-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const results = [
      resultOf("echo-64B-1", { ws: 5 }, "v20.20.2"),
      resultOf("echo-64B-1", { ws: 4 }, "v24.21.0"),
      resultOf("handshakes", { ws: 4 }, "v24.21.0"),
    ];
    for (const result of results) saveResult(folder, result);
    saveResult(folder, resultOf("handshakes", { ws: 3 }, "v24.22.0")); // a newer one takes its place
    const read = readResults(folder);
    expect(read.map(({ node, workload }) => [node, workload])).toEqual([
      ["v20.20.2", "echo-64B-1"],
      ["v24.21.0", "echo-64B-1"],
      ["v24.22.0", "handshakes"],
    ]);
    expect(read.slice(0, 2)).toEqual(results.slice(0, 2));
  });

  it("name the file that is no result", () => {
    expect(() => parseResult("{}", "node-20/x.json")).toThrow("node-20/x.json holds no result");
  });
});
