/** Where a server's time goes: V8's sampling profile of one run, by function. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runLoad, type Window } from "./load.ts";
import { ServerProcess } from "./server-process.ts";
import type { Subject } from "./subjects.ts";
import { markdownTable } from "./tables.ts";
import type { ServerWorkload } from "./workloads.ts";

/** The parts of a `.cpuprofile` that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly name: string;
  /** Of the time that the process did not wait, 0 to 1. */
  readonly share: number;
}

function nameOf({
  functionName,
  url,
  lineNumber,
}: CpuProfile["nodes"][number]["callFrame"]): string {
  const file = url.replace(/^.*\/(?:dist|node_modules|src)\//u, "");
  return file === "" ? functionName : `${functionName || "anonymous"} ${file}:${lineNumber + 1}`;
}

/** Functions by the time that they take themselves, the most first. Waiting is left out. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [index, id] of profile.samples.entries()) {
    const name = names.get(id) ?? "unknown";
    if (name === "(idle)") continue;
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .map(([name, time]) => ({ name, share: time / total }))
    .toSorted((a, b) => b.share - a.share);
}

/** Runs a workload with the profiler on. @returns A table of the functions with the most time of their own. */
export async function profile(
  workload: ServerWorkload,
  subject: Subject,
  node: string,
  window: Window,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "longwire-profile-"));
  try {
    const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=500"];
    await using server = await ServerProcess.start(subject, workload.server, node, flags);
    await runLoad(workload.load, server, window);
    await server.end();
    const [file = ""] = readdirSync(folder);
    const written = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile; // by V8
    const rows = selfTimes(written)
      .slice(0, 30)
      .map(({ name, share }) => [name, `${(share * 100).toFixed(1)} %`]);
    return markdownTable([["function", "of the time"], ...rows]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
