/** Results as a run leaves them. */

import type { LoadResult } from "../src/load.ts";
import type { Result } from "../src/results.ts";
import { WORKLOADS } from "../src/workloads.ts";

/** A million messages in two seconds. */
export function load(changes: Partial<LoadResult>): LoadResult {
  return {
    messages: 1_000_000,
    seconds: 2,
    cpuSeconds: 1,
    bytesIn: 66_000_000,
    bytesOut: 70_000_000,
    compressed: 0,
    unanswered: 0,
    p50: 100,
    p99: 200,
    p999: 300,
    ...changes,
  };
}

/** @param costs - CPU microseconds of a message, by the subject's id. */
export function resultOf(
  workload: string,
  costs: Readonly<Record<string, number>>,
  node = "v20.20.2",
): Result {
  return {
    workload,
    unit: WORKLOADS.find(({ id }) => id === workload)?.unit ?? "message",
    node,
    machine: "a machine",
    commit: "abc1234",
    date: "2026-01-02",
    rounds: 1,
    seconds: 2,
    warmUp: 1,
    subjects: Object.entries(costs).map(([id, cost]) => ({
      id,
      label: id,
      version: "1.0.0",
      samples: [load({ cpuSeconds: cost })],
    })),
  };
}
