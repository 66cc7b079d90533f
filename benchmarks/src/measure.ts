/** Rounds: every subject once, one after the other, so that what else the machine does meets all of them. */

import { holdConnections, runLoad, type LoadResult, type Window } from "./load.ts";
import { commit, describeMachine } from "./machine.ts";
import type { MemorySample, Result, Sample, SubjectResult } from "./results.ts";
import { versionOf } from "./runtimes.ts";
import { ServerProcess, type Memory } from "./server-process.ts";
import type { Subject } from "./subjects.ts";
import { libraryVersion } from "./library-version.ts";
import type { Workload } from "./workloads.ts";

export interface Rounds extends Window {
  readonly rounds: number;
}

/** Connections opened and closed before the first reading of memory, so that code and caches are not counted. */
const WARM_UP_CONNECTIONS = 500;

async function measureMemory(workload: Workload, server: ServerProcess): Promise<MemorySample> {
  const { load } = workload;
  const warm = { ...load, connections: Math.min(WARM_UP_CONNECTIONS, load.connections) };
  await holdConnections(warm, server, () => server.memory());
  const before = await server.memory();
  const after = await holdConnections(load, server, () => server.memory());
  const each = (name: keyof Memory): number => (after[name] - before[name]) / load.connections;
  return { rss: each("rss"), heapUsed: each("heapUsed"), external: each("external") };
}

/** @throws Error when nothing came back, or not as it should have. */
function checked(workload: Workload, subject: Subject, result: LoadResult): LoadResult {
  if (result.messages === 0) throw new Error(`${subject.id}: nothing came back in ${workload.id}`);
  if (workload.server.compression && result.compressed === 0) {
    throw new Error(`${subject.id} has not compressed`);
  }
  return result;
}

/** One sample, of a server started for it. */
export async function measureOnce(
  workload: Workload,
  subject: Subject,
  node: string,
  window: Window,
): Promise<Sample> {
  await using server = await ServerProcess.start(subject, workload.server, node);
  if (workload.load.mode === "hold") return await measureMemory(workload, server);
  return checked(workload, subject, await runLoad(workload.load, server, window));
}

/** @param node - The Node that runs Longwire and ws. */
export async function measure(
  workload: Workload,
  subjects: readonly Subject[],
  node: string,
  rounds: Rounds,
): Promise<Result> {
  const samples = subjects.map((): Sample[] => []);
  for (let round = 0; round < rounds.rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      samples[index]?.push(await measureOnce(workload, subject, node, rounds));
    }
  }
  const results = subjects.map(({ id, label, program }, index): SubjectResult => {
    return { id, label, version: libraryVersion(program), samples: samples[index] ?? [] };
  });
  return {
    workload: workload.id,
    unit: workload.unit,
    node: versionOf(node),
    machine: describeMachine(),
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    ...rounds,
    subjects: results,
  };
}
