/**
 * Measures Longwire beside its peers. `npm run bench -- --help` says how.
 */

import { parseArgs } from "node:util";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildLoadGenerator, type Window } from "./load.ts";
import { commit, describeMachine } from "./machine.ts";
import { measure } from "./measure.ts";
import { profile } from "./profile.ts";
import { writeReport } from "./report.ts";
import { saveResult, utilization, type Result } from "./results.ts";
import { gorillaBinary, nodeBinary, versionOf } from "./runtimes.ts";
import { forBuilds, usesCheckout, type Build, type Subject } from "./subjects.ts";
import { resultTable } from "./tables.ts";
import { chosen, WORKLOADS, type Workload } from "./workloads.ts";

const USAGE = `npm run bench -- [WORKLOAD or GROUP…] [options]

  --only NAME        the same as a WORKLOAD; may be repeated
  --subjects A,B     only these servers: longwire, longwire-await, longwire-public, ws, uws, bun, gorilla, …
  --longwire PATH    a checkout with built packages instead of this one; repeat it to compare builds, interleaved.
                     NAME=PATH names it
  --node NODE        20, 22, 24, 26 or a path: what runs Longwire and ws; may be repeated (this Node)
  --rounds N         of all servers, interleaved (5)
  --seconds N        that are measured in each (2)
  --warm-up N        seconds before (1.5; never less than 8 for handshakes)
  --connections N    at most so many: for a try
  --no-save          prints only; so does any run of a part of the servers or of other builds
  --profile          runs Longwire once under V8's profiler and prints where its time goes
  --report           writes docs/performance.md and its plots from the results in benchmarks/results, and measures nothing;
                     a run of everything ends with it
  --list             names all workloads
`;

const RESULTS = fileURLToPath(new URL("../results", import.meta.url));
const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", multiple: true, default: [] },
    subjects: { type: "string" },
    longwire: { type: "string", multiple: true, default: [] },
    node: { type: "string", multiple: true, default: [process.execPath] },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    "warm-up": { type: "string", default: "1.5" },
    connections: { type: "string" },
    "no-save": { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function parseBuild(given: string): Build {
  const [, name, path = given] = /^([^=/]+)=(.*)$/u.exec(given) ?? [];
  const checkout = resolve(process.env["INIT_CWD"] ?? ".", path); // where npm was called
  return { label: name ?? basename(checkout), checkout };
}

let told = false;

/** Says once that it is missing. */
function hasGorilla(): boolean {
  const has = gorillaBinary() !== undefined;
  if (!has && !told) process.stderr.write("no row for gorilla: README.md says what it needs\n");
  told ||= !has;
  return has;
}

function subjectsOf(workload: Workload, builds: readonly Build[]): Subject[] {
  const wanted = values.subjects?.split(",");
  const present = workload.subjects.filter(({ id, program }) => {
    if (wanted !== undefined && !wanted.includes(id)) return false;
    return program !== "gorilla" || hasGorilla();
  });
  return forBuilds(present, builds);
}

/** The workload with at most `--connections`. */
function capped(workload: Workload): Workload {
  if (!("load" in workload) || values.connections === undefined) return workload;
  const most = Math.min(Number(values.connections), workload.load.connections);
  return { ...workload, load: { ...workload.load, connections: most } };
}

const print = (text: string): void => void process.stdout.write(text);

const BUSY = 0.9;

/** A closed loop keeps a server busy, unless the load generator is the limit or its core has other work. */
function warnOfIdleness(workload: Workload, { subjects }: Result): void {
  if (!("load" in workload) || ["rate", "hold"].includes(workload.load.mode)) return;
  const idle = subjects.filter((subject) => utilization(subject) < BUSY);
  const shares = idle.map((one) => `${one.id} ${Math.round(utilization(one) * 100)} %`);
  if (shares.length > 0) print(`\nNot busy all the time: ${shares.join(", ")}\n`);
}

async function printProfile(
  workload: Workload,
  subjects: readonly Subject[],
  node: string,
  window: Window,
): Promise<void> {
  const subject = subjects.find(usesCheckout) ?? subjects[0];
  if (subject === undefined || !("load" in workload) || workload.load.mode === "hold") {
    throw new RangeError(`${workload.id} has nothing to profile`);
  }
  const table = await profile(workload, subject, node, window);
  print(`\n${workload.title}, ${subject.id}, Node ${versionOf(node)}\n\n${table}\n`);
}

function report(): void {
  const missing = writeReport(RESULTS);
  if (missing.length > 0) print(`no result yet of ${missing.join(", ")}\n`);
}

async function main(): Promise<void> {
  if (values.help) return print(USAGE);
  if (values.list) return print(WORKLOADS.map(({ id, group }) => `${group}\t${id}\n`).join(""));
  if (values.report) return report();
  const workloads = chosen([...positionals, ...values.only]).map(capped);
  const given = values.longwire.map(parseBuild);
  const builds = given.length > 0 ? given : [{ label: "this", checkout: CHECKOUT }];
  const rounds = {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    warmUp: Number(values["warm-up"]),
  };
  const isPart = values.subjects !== undefined || values.connections !== undefined;
  const saves = !values["no-save"] && !isPart && given.length === 0;
  buildLoadGenerator();
  print(`${describeMachine()}, commit ${commit()}\n`);
  for (const workload of workloads) {
    for (const node of values.node.map(nodeBinary)) {
      const subjects = subjectsOf(workload, builds);
      if (subjects.length === 0) continue;
      if (values.profile) {
        await printProfile(workload, subjects, node, rounds);
        continue;
      }
      const result = await measure(workload, subjects, node, rounds);
      print(`\n${workload.title}, Node ${versionOf(node)}\n\n${resultTable(result)}\n`);
      warnOfIdleness(workload, result);
      if (saves) saveResult(RESULTS, result);
    }
  }
  if (saves && workloads.length === WORKLOADS.length) report();
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
