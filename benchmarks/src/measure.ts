/** Rounds: every subject once, one after the other, so that what else the machine does meets all of them. */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CodecTask } from "./codec-task.ts";
import { libraryVersion } from "./library-version.ts";
import { holdConnections, runLoad, type LoadResult, type Window } from "./load.ts";
import { commit, describeMachine } from "./machine.ts";
import { pinned } from "./pinning.ts";
import type { CodecSample, MemorySample, Result, Sample, SubjectResult } from "./results.ts";
import { versionOf } from "./runtimes.ts";
import { ServerProcess, type Memory } from "./server-process.ts";
import { WS, type Subject } from "./subjects.ts";
import type { CodecWorkload, ServerWorkload, Workload } from "./workloads.ts";

export interface Rounds extends Window {
  readonly rounds: number;
}

/** Connections that are open at the first reading of memory, so that code, caches and free pages are not counted. */
const FIRST_CONNECTIONS = 1000;
const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

async function measureMemory(
  { load }: ServerWorkload,
  server: ServerProcess,
): Promise<MemorySample> {
  const first = { ...load, connections: Math.min(FIRST_CONNECTIONS, load.connections) };
  return holdConnections(first, server, async () => {
    const before = await server.memory();
    const after = await holdConnections(load, server, () => server.memory());
    const each = (name: keyof Memory): number => (after[name] - before[name]) / load.connections;
    return { rss: each("rss"), heapUsed: each("heapUsed"), external: each("external") };
  });
}

/** @throws Error when nothing came back, or not as it should have. */
function checked(workload: ServerWorkload, subject: Subject, result: LoadResult): LoadResult {
  if (result.messages === 0) throw new Error(`${subject.id}: nothing came back in ${workload.id}`);
  if (workload.server.compression && result.compressed === 0) {
    throw new Error(`${subject.id} has not compressed`);
  }
  return result;
}

async function measureServer(
  workload: ServerWorkload,
  subject: Subject,
  node: string,
  window: Window,
): Promise<Sample> {
  await using server = await ServerProcess.start(subject, workload.server, node);
  if (workload.load.mode === "hold") return await measureMemory(workload, server);
  return checked(workload, subject, await runLoad(workload.load, server, window));
}

function measureCodec(
  { codec }: CodecWorkload,
  subject: Subject,
  node: string,
  { seconds }: Window,
): CodecSample {
  const library = subject.program === "ws" ? "ws" : "longwire";
  const longwire = subject.spec?.longwire ?? CHECKOUT;
  const task: CodecTask = { ...codec, library, longwire, seconds: seconds / 4 };
  const program = fileURLToPath(new URL("codec-run.js", import.meta.url));
  const [command, ...args] = pinned("server", node, [program, JSON.stringify(task)]);
  const output = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", 2] });
  return JSON.parse(output) as CodecSample; // our own program's output
}

/** One sample, of a process started for it. */
export async function measureOnce(
  workload: Workload,
  subject: Subject,
  node: string,
  window: Window,
): Promise<Sample> {
  return "codec" in workload
    ? measureCodec(workload, subject, node, window)
    : measureServer(workload, subject, node, window);
}

/** Messages a second that an open loop offers: a share of what ws takes in a closed one. */
async function offeredRate(
  workload: ServerWorkload,
  share: number,
  node: string,
  window: Window,
): Promise<number> {
  const closed = { ...workload, load: { ...workload.load, mode: "echo" as const } };
  const most = (await measureServer(closed, WS, node, window)) as LoadResult; // not of memory
  return Math.round((most.messages / most.seconds) * share);
}

/** @param node - The Node that runs Longwire and ws. */
export async function measure(
  given: Workload,
  subjects: readonly Subject[],
  node: string,
  rounds: Rounds,
): Promise<Result> {
  let workload = given;
  let rate: number | undefined;
  if ("load" in workload && workload.offered !== undefined) {
    rate = await offeredRate(workload, workload.offered, node, rounds);
    workload = { ...workload, load: { ...workload.load, rate } };
  }
  const samples = subjects.map((): Sample[] => []);
  for (let round = 0; round < rounds.rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      samples[index]?.push(await measureOnce(workload, subject, node, rounds));
    }
  }
  const results = subjects.map((subject, index): SubjectResult => {
    const { id, label, replaces } = subject;
    const version = libraryVersion(subject);
    return {
      id,
      label,
      ...(replaces === undefined ? {} : { replaces }),
      version,
      samples: samples[index] ?? [],
    };
  });
  return {
    workload: workload.id,
    unit: workload.unit,
    node: versionOf(node),
    machine: describeMachine(),
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    ...rounds,
    ...(rate === undefined ? {} : { rate }),
    subjects: results,
  };
}
