/**
 * What an idle connection holds in the server after one echo of 2 KiB: resident bytes of the process, garbage collected
 * before each reading.
 *
 *     npm run memory-per-connection -w benchmarks -- [--rounds 3] [--connections 5000] [--node PATH]...
 */

import { parseArgs } from "node:util";
import { buildLoadGenerator, holdConnections } from "./echo-load.ts";
import { jsonMessages } from "./json-messages.ts";
import { describeMachine, versionOf } from "./machine.ts";
import { ServerProcess, type Memory, type Subject } from "./server-process.ts";
import { markdownTable, show, spread } from "./table.ts";

const PLAIN: Subject = { name: "Longwire, plain", program: "longwire", compression: false };
const WS_DEFLATE: Subject = { name: "ws, compressed", program: "ws", compression: true };

const SUBJECTS: readonly Subject[] = [
  PLAIN,
  { name: "Longwire, compressed", program: "longwire", compression: true },
  { name: "ws, plain", program: "ws", compression: false },
  WS_DEFLATE,
];

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    connections: { type: "string", default: "5000" },
    node: { type: "string", multiple: true, default: [process.execPath] },
  },
});

const messages = jsonMessages(2048, 32);
const connections = Number(values.connections);
/** Opened and closed before the first reading, so that code and caches are not counted. */
const WARM_UP_CONNECTIONS = 300;

/** Difference of two readings, for each connection. */
async function measure(subject: Subject, node: string): Promise<Memory> {
  await using server = await ServerProcess.start(subject, node);
  const load = { port: server.port, messages, compress: subject.compression !== false };
  await holdConnections({ ...load, connections: WARM_UP_CONNECTIONS }, () => server.memory());
  const before = await server.memory();
  const after = await holdConnections({ ...load, connections }, () => server.memory());
  const each = (name: keyof Memory): number => (after[name] - before[name]) / connections;
  return { rss: each("rss"), heapUsed: each("heapUsed"), external: each("external") };
}

const kibibytes = (results: readonly Memory[], name: keyof Memory): string =>
  show(spread(results.map((result) => result[name] / 1024)), 1);

async function run(node: string): Promise<void> {
  const results = new Map<Subject, Memory[]>(SUBJECTS.map((subject) => [subject, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [subject, list] of results) list.push(await measure(subject, node));
  }
  const resident = (subject: Subject): number =>
    spread((results.get(subject) ?? []).map(({ rss }) => rss)).median;
  const rows = [...results].map(([subject, list]) => [
    subject.name,
    kibibytes(list, "rss"),
    kibibytes(list, "heapUsed"),
    kibibytes(list, "external"),
    (resident(subject) / resident(PLAIN)).toFixed(2),
    (resident(subject) / resident(WS_DEFLATE)).toFixed(3),
  ]);
  const head = [
    "server",
    "resident KiB per connection, median (range)",
    "of it JavaScript heap",
    "of it buffers",
    "times plain",
    "times ws, compressed",
  ];
  process.stdout.write(`\nNode ${versionOf(node)}\n\n${markdownTable([head, ...rows])}\n`);
}

async function main(): Promise<void> {
  buildLoadGenerator();
  process.stdout.write(
    `${describeMachine()}; ${connections} connections, ${values.rounds} rounds\n`,
  );
  for (const node of values.node) await run(node);
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
