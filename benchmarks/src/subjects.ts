/** Subjects: the servers that are measured, each a program of `servers/` with its options. */

import type { CodecTask } from "./codec-task.ts";
import type { Framework, ServerSpec } from "./servers/spec.ts";

export type Program =
  | "longwire"
  | "ws"
  | "uws"
  | "bun"
  | "gorilla"
  | "bare-socket"
  | "adapter-longwire"
  | "adapter-peer";

export interface Subject {
  /** Name in results, and for `--subjects`. */
  readonly id: string;
  readonly label: string;
  /** Package of npm whose version a result states, where it is not the program's. */
  readonly npm?: string;
  /** The subject that this one replaces. */
  readonly replaces?: string;
  readonly program: Program;
  readonly spec?: Partial<ServerSpec>;
  readonly environment?: Readonly<Record<string, string>>;
}

const PUBLIC_API_ONLY = { LONGWIRE_PUBLIC_API_ONLY: "1" };

export const LONGWIRE: Subject = {
  id: "longwire",
  label: "Longwire, `forEach`",
  program: "longwire",
};
export const LONGWIRE_AWAIT: Subject = {
  id: "longwire-await",
  label: "Longwire, `for await`",
  program: "longwire",
  spec: { reading: "for await" },
};
export const LONGWIRE_REUSE: Subject = {
  id: "longwire-reuse",
  label: "Longwire, `forEach`, `reuseMemory`",
  program: "longwire",
  spec: { reading: "forEach, reuseMemory" },
};
export const LONGWIRE_PUBLIC: Subject = {
  id: "longwire-public",
  label: "Longwire, `forEach`, public Node API",
  program: "longwire",
  environment: PUBLIC_API_ONLY,
};
export const WS: Subject = { id: "ws", label: "ws", program: "ws" };
export const UWS: Subject = { id: "uws", label: "uWebSockets.js", program: "uws" };
export const BUN: Subject = { id: "bun", label: "Bun", program: "bun" };
export const GORILLA: Subject = { id: "gorilla", label: "gorilla (Go)", program: "gorilla" };
export const BARE_SOCKET: Subject = {
  id: "bare-socket",
  label: "bare upgraded net.Socket",
  program: "bare-socket",
};

const PEERS = [WS, UWS, BUN, GORILLA];

/** Who takes part where a handler reads messages. */
export const READERS: readonly Subject[] = [LONGWIRE, LONGWIRE_AWAIT, LONGWIRE_PUBLIC, ...PEERS];

/** The same, and a handler that lets the memory of its messages be used again, as uWebSockets.js always does. */
export const ECHOES: readonly Subject[] = [LONGWIRE, LONGWIRE_REUSE, ...READERS.slice(1)];

const plain = (subject: Subject, label: string): Subject => ({ ...subject, label });

/** Who takes part where it makes no difference how messages are read. */
export const SERVERS: readonly Subject[] = [
  plain(LONGWIRE, "Longwire"),
  plain(LONGWIRE_PUBLIC, "Longwire, public Node API"),
  ...PEERS,
];

/** The same, and a handler that lets the memory of its messages be used again. */
export const BROADCASTERS: readonly Subject[] = [
  plain(LONGWIRE, "Longwire"),
  plain(LONGWIRE_REUSE, "Longwire, `reuseMemory`"),
  ...SERVERS.slice(1),
];

/** Longwire's adapter of a framework, and the package that it replaces. */
function adapters(framework: Framework, peer: string): Subject[] {
  const spec = { framework };
  const name = framework[0]?.toUpperCase() + framework.slice(1);
  const id = `longwire-${framework}`;
  return [
    { id, label: `${name}, Longwire`, replaces: peer, program: "adapter-longwire", spec },
    { id: peer, label: `${name}, ${peer}`, npm: peer, program: "adapter-peer", spec },
  ];
}

/** The bare engine, then each framework twice. */
export const ADAPTERS: readonly Subject[] = [
  plain(LONGWIRE, "no framework, Longwire's engine"),
  ...adapters("fastify", "@fastify/websocket"),
  ...adapters("express", "express-ws"),
  ...adapters("koa", "koa-websocket"),
  ...adapters("hono", "@hono/node-ws"),
];

const LEVEL_1 = { zlibDeflateOptions: { level: 1 } };

/** What the level of compression costs: Longwire's default is 1, that of ws 6. */
export const LEVELS: readonly Subject[] = [
  plain(LONGWIRE, "Longwire, defaults (level 1)"),
  plain(LONGWIRE_PUBLIC, "Longwire, public Node API (level 1)"),
  {
    ...LONGWIRE,
    id: "longwire-level-6",
    label: "Longwire, level 6",
    spec: { compressionOptions: { level: 6 } },
  },
  plain(WS, "ws, defaults (level 6)"),
  { ...WS, id: "ws-level-1", label: "ws, level 1", spec: { compressionOptions: LEVEL_1 } },
];

const codec = (label: string): Subject[] => [plain(LONGWIRE, "Longwire"), plain(WS, label)];

/** Who takes part in each micro benchmark. */
export const CODECS: Readonly<Record<CodecTask["operation"], readonly Subject[]>> = {
  parse: codec("ws"),
  serialize: codec("ws"),
  mask: codec("bufferutil"),
  utf8: codec("utf-8-validate"),
};

/** A checkout of Longwire that is compared with others. */
export interface Build {
  readonly label: string;
  readonly checkout: string;
}

/** Whether a subject is Longwire, of some checkout. */
export const usesCheckout = ({ program }: Subject): boolean =>
  program === "longwire" || program === "adapter-longwire";

/** The same subjects, with Longwire's once for each build. */
export function forBuilds(subjects: readonly Subject[], builds: readonly Build[]): Subject[] {
  return subjects.flatMap((subject) => {
    if (!usesCheckout(subject)) return [subject];
    return builds.map(({ label, checkout }) => ({
      ...subject,
      id: builds.length > 1 ? `${subject.id}@${label}` : subject.id,
      label: builds.length > 1 ? `${subject.label} (${label})` : subject.label,
      spec: { ...subject.spec, longwire: checkout },
    }));
  });
}
