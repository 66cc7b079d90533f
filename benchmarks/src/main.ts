/**
 * Measures Longwire beside its peers. `npm run bench -- --help` says how.
 */

import { parseArgs } from "node:util";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildLoadGenerator } from "./load.ts";
import { commit, describeMachine } from "./machine.ts";
import { measure } from "./measure.ts";
import { saveResult } from "./results.ts";
import { gorillaBinary, nodeBinary, versionOf } from "./runtimes.ts";
import { forBuilds, type Build, type Subject } from "./subjects.ts";
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
  --warm-up N        seconds before (1.5)
  --no-save          prints only; so does any run of a part of the servers or of other builds
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
    "no-save": { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function parseBuild(given: string): Build {
  const [, name, path = given] = /^([^=/]+)=(.*)$/u.exec(given) ?? [];
  const checkout = resolve(process.env["INIT_CWD"] ?? ".", path); // where npm was called
  return { label: name ?? basename(checkout), checkout };
}

function subjectsOf(workload: Workload, builds: readonly Build[]): Subject[] {
  const wanted = values.subjects?.split(",");
  const present = workload.subjects.filter(({ id, program }) => {
    if (wanted !== undefined && !wanted.includes(id)) return false;
    return program !== "gorilla" || gorillaBinary() !== undefined;
  });
  return forBuilds(present, builds);
}

const print = (text: string): void => void process.stdout.write(text);

async function main(): Promise<void> {
  if (values.help) return print(USAGE);
  if (values.list) return print(WORKLOADS.map(({ id, group }) => `${group}\t${id}\n`).join(""));
  const workloads = chosen([...positionals, ...values.only]);
  const given = values.longwire.map(parseBuild);
  const builds = given.length > 0 ? given : [{ label: "this", checkout: CHECKOUT }];
  const rounds = {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    warmUp: Number(values["warm-up"]),
  };
  const saves = !values["no-save"] && values.subjects === undefined && given.length === 0;
  buildLoadGenerator();
  print(`${describeMachine()}, commit ${commit()}\n`);
  for (const workload of workloads) {
    for (const node of values.node.map(nodeBinary)) {
      const result = await measure(workload, subjectsOf(workload, builds), node, rounds);
      print(`\n${workload.title}, Node ${versionOf(node)}\n\n${resultTable(result)}\n`);
      if (saves) saveResult(RESULTS, result);
    }
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
