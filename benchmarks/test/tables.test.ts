import { describe, expect, it } from "vitest";
import type { Result } from "../src/results.ts";
import { figure, markdownTable, resultTable } from "../src/tables.ts";
import { load, resultOf } from "./sample-results.ts";

describe("figure", () => {
  it.each([
    [0.012_34, "0.012"],
    [1.234, "1.23"],
    [12.34, "12.3"],
    [123.4, "123"],
    [1_234_567.8, "1,234,568"],
    [Number.NaN, "–"],
  ])("writes %d as %s", (value, text) => {
    expect(figure(value)).toBe(text);
  });
});

describe("markdownTable", () => {
  it("aligns the first column left, all others right", () => {
    expect(
      markdownTable([
        ["a", "b", "c"],
        ["1", "2", "3"],
      ]),
    ).toBe("| a | b | c |\n| --- | ---: | ---: |\n| 1 | 2 | 3 |");
  });
});

const cells = (table: string): string[][] =>
  table.split("\n").map((line) => line.slice(2, -2).split(" | "));

describe("table of a result", () => {
  it("compares messages per CPU second with ws and uWebSockets.js", () => {
    const [head, , longwire] = cells(
      resultTable(resultOf("echo-64B-1", { longwire: 2, ws: 5, uws: 1 })),
    );
    expect(head?.slice(0, 5)).toEqual([
      "server",
      "CPU µs per message",
      "least–most",
      "against ws",
      "against uWS",
    ]);
    expect(longwire?.slice(0, 6)).toEqual([
      "longwire",
      "2.00",
      "2.00–2.00",
      "2.50 ×",
      "0.500 ×",
      "500,000",
    ]);
  });

  it("leaves out what has not been measured", () => {
    const table = resultTable(resultOf("echo-64B-1", { longwire: 2, ws: 5 }));
    expect(table).not.toContain("uWS");
    expect(table).toContain("p50 / p99");
    const noLatency = resultOf("broadcast-32", { ws: 5 });
    const subjects = noLatency.subjects.map((subject) => ({
      ...subject,
      samples: [load({ p50: 0, p99: 0, p999: 0 })],
    }));
    expect(resultTable({ ...noLatency, subjects })).not.toContain("p50");
  });

  it("compares builds with the first one", () => {
    const table = cells(resultTable(resultOf("echo-64B-1", { "longwire@a": 4, "longwire@b": 2 })));
    expect(table[0]?.[3]).toBe("against the first");
    expect(table[3]?.[3]).toBe("2.00 ×");
  });

  it("compares an adapter with the engine and with what it replaces", () => {
    const result = resultOf("adapter-messages", {
      longwire: 2,
      "longwire-koa": 2,
      "koa-websocket": 8,
    });
    const [bare, adapter, peer] = result.subjects;
    const replacing = [bare!, { ...adapter!, replaces: "koa-websocket" }, peer!]; // three were made
    const table = cells(resultTable({ ...result, subjects: replacing }));
    expect(table[0]?.slice(3, 5)).toEqual(["against the engine", "against what it replaces"]);
    expect(table[3]?.slice(3, 5)).toEqual(["1.00 ×", "4.00 ×"]);
  });

  it("shows memory in KiB and as a share of that of ws", () => {
    const result: Result = resultOf("idle", { longwire: 1, ws: 1 });
    const bytes = [5120, 10_240];
    const subjects = result.subjects.map((subject, index) => ({
      ...subject,
      samples: [{ rss: bytes[index] ?? 0, heapUsed: 0, external: 0 }],
    }));
    expect(cells(resultTable({ ...result, subjects }))[2]).toEqual([
      "longwire",
      "5.00",
      "5.00–5.00",
      "0.50",
    ]);
  });
});
