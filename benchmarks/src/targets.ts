/** Targets: how far ahead of a peer Longwire is to be, in one run. */

import { ratio, summarize, type Result } from "./results.ts";
import { figure, markdownTable } from "./tables.ts";

export interface Target {
  readonly workload: string;
  readonly subject: string;
  readonly against: string;
  /** Lowest ratio of messages per CPU second, of memory the other way round. Latency: of p99, the other way round. */
  readonly atLeast: number;
  /** @default the cost */
  readonly of?: "p99";
}

function ofReader(
  workload: string,
  against: string,
  forEach: number,
  forAwait: number,
): readonly Target[] {
  return [
    { workload, subject: "longwire", against, atLeast: forEach },
    { workload, subject: "longwire-await", against, atLeast: forAwait },
  ];
}

const one = (workload: string, against: string, atLeast: number): Target => ({
  workload,
  subject: "longwire",
  against,
  atLeast,
});

/** Like for like: messages of uWebSockets.js are valid during the callback only. */
const reusing = (workload: string, against: string, atLeast: number): Target => ({
  ...one(workload, against, atLeast),
  subject: "longwire-reuse",
});

/** Not measurable is what lies inside the noise of these machines. */
const NOISE = 0.03;

const ADAPTED = [
  ["longwire-fastify", "@fastify/websocket"],
  ["longwire-express", "express-ws"],
  ["longwire-koa", "koa-websocket"],
  ["longwire-hono", "@hono/node-ws"],
] as const;

export const TARGETS: readonly Target[] = [
  ...ofReader("echo-64B-1", "ws", 1.25, 1.1),
  ...ofReader("echo-64B-1", "uws", 0.8, 0.65),
  ...ofReader("echo-64B-16", "ws", 5, 3.5),
  ...ofReader("echo-64B-16", "uws", 1, 0.8),
  one("echo-16KiB-1", "ws", 1.3),
  one("echo-16KiB-1", "uws", 0.9),
  reusing("echo-16KiB-1", "uws", 0.9),
  one("echo-1MiB-1", "ws", 1.3),
  one("echo-1MiB-1", "uws", 0.9),
  reusing("echo-1MiB-1", "uws", 0.9),
  one("compressed-echo", "ws", 3.5),
  one("broadcast-32", "ws", 6),
  one("broadcast-32", "uws", 1),
  reusing("broadcast-32", "uws", 1),
  one("broadcast-500", "ws", 40),
  one("broadcast-500", "uws", 5),
  one("handshakes", "ws", 1.1),
  one("idle", "ws", 1),
  { ...one("latency", "ws", 1), of: "p99" },
  ...ADAPTED.map(([subject]) => ({
    workload: "adapter-messages",
    subject,
    against: "longwire",
    atLeast: 1 - NOISE,
  })),
  ...ADAPTED.map(([subject, against]) => ({
    workload: "adapter-handshakes",
    subject,
    against,
    atLeast: 1,
  })),
];

/** Undefined where it has not been measured. */
export function reached(target: Target, results: readonly Result[]): number | undefined {
  const result = results.find(({ workload }) => workload === target.workload);
  if (result === undefined) return undefined;
  if (target.of === undefined) return ratio(result, target.subject, target.against);
  const p99 = (id: string): number | undefined => {
    const found = result.subjects.find((subject) => subject.id === id);
    return found === undefined ? undefined : summarize(found).p99;
  };
  const [mine, theirs] = [p99(target.subject), p99(target.against)];
  return mine === undefined || theirs === undefined ? undefined : theirs / mine;
}

function verdict(target: Target, results: readonly Result[]): string {
  const value = reached(target, results);
  if (value === undefined) return "–";
  return value >= target.atLeast ? `${figure(value)} ×` : `**${figure(value)} ×**, missed`;
}

/** All targets, with a column for each Node. @param runs - Results by Node. */
export function targetTable(runs: ReadonlyMap<string, readonly Result[]>): string {
  const head = ["workload", "server", "against", "wanted", ...runs.keys()];
  const rows = TARGETS.map((target) => [
    target.of === "p99" ? `${target.workload}, p99` : target.workload,
    target.subject,
    target.against,
    `≥ ${target.atLeast} ×`,
    ...[...runs.values()].map((results) => verdict(target, results)),
  ]);
  return markdownTable([head, ...rows], 3);
}
