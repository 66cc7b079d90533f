/** Results: what one workload gave with one Node, all samples of all rounds, as JSON. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadResult } from "./load.ts";
import { median, spread, type Spread } from "./statistics.ts";
import type { Workload } from "./workloads.ts";

/** Bytes that a connection adds. */
export interface MemorySample {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** Of one message. */
export interface CodecSample {
  readonly nanoseconds: number;
}

export type Sample = LoadResult | MemorySample | CodecSample;

export interface SubjectResult {
  readonly id: string;
  readonly label: string;
  /** The subject that this one replaces. */
  readonly replaces?: string;
  /** Of the library or runtime. */
  readonly version: string;
  readonly samples: readonly Sample[];
}

export interface Result {
  readonly workload: string;
  readonly unit: Workload["unit"];
  /** The Node of Longwire and ws. */
  readonly node: string;
  readonly machine: string;
  readonly commit: string;
  readonly date: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: number;
  /** Messages a second that were offered, where that was fixed. */
  readonly rate?: number;
  readonly subjects: readonly SubjectResult[];
}

const isLoad = (sample: Sample): sample is LoadResult => "messages" in sample;

function costOf(sample: Sample): number {
  if ("rss" in sample) return sample.rss;
  if ("nanoseconds" in sample) return sample.nanoseconds;
  return (sample.cpuSeconds / sample.messages) * 1e6;
}

/** What a table shows of a subject. */
export interface Summary {
  /** CPU microseconds for each; bytes for each connection; CPU nanoseconds for each call. */
  readonly cost: Spread;
  /** For each second of the clock. */
  readonly throughput: number;
  /** From the server for each message, when it compresses; else NaN. */
  readonly compressedBytes: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export function summarize(result: SubjectResult): Summary {
  const loads = result.samples.filter(isLoad);
  const middle = (of: (sample: LoadResult) => number): number => median(loads.map(of));
  return {
    cost: spread(result.samples.map(costOf)),
    throughput: middle(({ messages, seconds }) => messages / seconds),
    compressedBytes: middle((sample) =>
      sample.compressed === 0 ? Number.NaN : sample.bytesIn / sample.messages,
    ),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    p999: middle(({ p999 }) => p999),
  };
}

/** How many times less `id` costs than `other`: 2 is twice as good. Undefined where one of them is missing. */
export function ratio(result: Result, id: string, other: string): number | undefined {
  const cost = (name: string): number | undefined => {
    const found = result.subjects.find((subject) => subject.id === name);
    return found === undefined ? undefined : summarize(found).cost.median;
  };
  const [mine, theirs] = [cost(id), cost(other)];
  return mine === undefined || theirs === undefined ? undefined : theirs / mine;
}

/** Share of the clock's time that a server ran, 0 to 1: well below 1 in a closed loop, something else was the limit. */
export function utilization({ samples }: SubjectResult): number {
  return median(samples.filter(isLoad).map(({ cpuSeconds, seconds }) => cpuSeconds / seconds));
}

const majorOf = (node: string): string => node.replace(/^v/u, "").split(".", 1)[0] ?? node;

export function saveResult(folder: string, result: Result): void {
  const home = join(folder, `node-${majorOf(result.node)}`);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, `${result.workload}.json`), `${JSON.stringify(result, undefined, 1)}\n`);
}

/** All results of a folder, by Node and workload. @throws Error naming a file that holds no result. */
export function readResults(folder: string): Result[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .toSorted();
  return files.map((name) => parseResult(readFileSync(join(folder, name), "utf8"), name));
}

export function parseResult(json: string, name: string): Result {
  const value = JSON.parse(json) as Partial<Result>;
  if (typeof value.workload !== "string" || !Array.isArray(value.subjects)) {
    throw new Error(`${name} holds no result of a benchmark`);
  }
  return value as Result; // written by saveResult
}
