/**
 * Echo of 1 KiB JSON with permessage-deflate and context takeover: what a message costs the server in CPU time.
 *
 *     npm run deflate-echo -w benchmarks -- [--rounds 5] [--seconds 3] [--node PATH]... [--connections 64] [--bytes 1024]
 *
 * Every round measures all servers once, one after the other, so that what else the machine does meets all of them.
 */

import { parseArgs } from "node:util";
import { buildLoadGenerator, runLoad, type LoadResult } from "./echo-load.ts";
import { jsonMessages } from "./json-messages.ts";
import { describeMachine, versionOf } from "./machine.ts";
import { ServerProcess, type Subject } from "./server-process.ts";
import { markdownTable, show, spread } from "./table.ts";

const BASELINE: Subject = { name: "ws, defaults (level 6)", program: "ws", compression: true };

const SUBJECTS: readonly Subject[] = [
  BASELINE,
  { name: "ws, level 1", program: "ws", compression: { zlibDeflateOptions: { level: 1 } } },
  { name: "Longwire, defaults (level 1)", program: "longwire", compression: true },
  {
    name: "Longwire, public API only",
    program: "longwire",
    compression: true,
    environment: { LONGWIRE_PUBLIC_API_ONLY: "1" },
  },
  { name: "Longwire, level 6", program: "longwire", compression: { level: 6 } },
];

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    connections: { type: "string", default: "64" },
    bytes: { type: "string", default: "1024" },
    node: { type: "string", multiple: true, default: [process.execPath] },
  },
});

const messages = jsonMessages(Number(values.bytes), 128);
const connections = Number(values.connections);

async function measure(subject: Subject, node: string): Promise<LoadResult> {
  await using server = await ServerProcess.start(subject, node);
  const { port, pid } = server;
  const seconds = Number(values.seconds);
  const load = { port, pid, messages, connections, seconds, compress: true, depth: 1 };
  const result = await runLoad(load);
  if (result.compressedEchoes === 0) throw new Error(`${subject.name} has not compressed`);
  return result;
}

const microseconds = (result: LoadResult): number => (result.cpuSeconds / result.messages) * 1e6;

function row(subject: Subject, results: readonly LoadResult[], baseline: number): string[] {
  const cpu = spread(results.map(microseconds));
  const echoed = spread(results.map((r) => r.bytesIn / r.messages / Number(values.bytes)));
  return [
    subject.name,
    show(cpu, 1),
    (1e6 / cpu.median).toFixed(0),
    (baseline / cpu.median).toFixed(2),
    spread(results.map((r) => r.messages / r.seconds)).median.toFixed(0),
    `${spread(results.map((r) => r.p50)).median.toFixed(0)} / ${spread(results.map((r) => r.p99)).median.toFixed(0)}`,
    echoed.median.toFixed(3),
  ];
}

const HEAD = [
  "server",
  "CPU µs per message, median (range)",
  "messages per CPU second",
  "times ws",
  "messages per second",
  "µs to the echo, p50 / p99",
  "bytes back, of 1",
];

async function run(node: string): Promise<void> {
  const results = new Map<Subject, LoadResult[]>(SUBJECTS.map((subject) => [subject, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [subject, list] of results) list.push(await measure(subject, node));
  }
  const baseline = spread((results.get(BASELINE) ?? []).map(microseconds)).median;
  const rows = [...results].map(([subject, list]) => row(subject, list, baseline));
  process.stdout.write(`\nNode ${versionOf(node)}\n\n${markdownTable([HEAD, ...rows])}\n`);
}

async function main(): Promise<void> {
  buildLoadGenerator();
  process.stdout.write(
    `${describeMachine()}; ${connections} connections, ${values.bytes} bytes of JSON, ${values.rounds} rounds of ${values.seconds} s\n`,
  );
  for (const node of values.node) await run(node);
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
