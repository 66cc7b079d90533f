/** Workloads: what is asked of a server, or of a codec. */

import type { CodecTask } from "./codec-task.ts";
import { jsonMessages } from "./json-messages.ts";
import type { LoadOptions } from "./load.ts";
import type { ServerSpec } from "./servers/spec.ts";
import {
  ADAPTERS,
  BARE_SOCKET,
  BROADCASTERS,
  CODECS,
  ECHOES,
  LEVELS,
  LONGWIRE,
  READERS,
  SERVERS,
  WS,
  type Subject,
} from "./subjects.ts";

interface Common {
  readonly id: string;
  /** Several workloads that are asked for together. */
  readonly group: string;
  readonly title: string;
  /** A sentence or two for the report. */
  readonly about: string;
  /** What is counted. */
  readonly unit: "message" | "delivery" | "handshake" | "connection" | "call";
  readonly subjects: readonly Subject[];
  /** The workloads of a series are one table: what grows, and how far it has. */
  readonly series?: Series;
}

export interface Series {
  readonly id: string;
  readonly title: string;
  readonly of: string;
  readonly at: number;
  /** The cost is shown for each of `at`. @default false */
  readonly divides?: boolean;
}

/** Messages to a server in another process. */
export interface ServerWorkload extends Common {
  readonly server: Pick<ServerSpec, "app" | "compression">;
  readonly load: LoadOptions;
  /** Share of what ws takes at most that is offered, for the open loop. */
  readonly offered?: number;
}

/** Calls in one process, without sockets. */
export interface CodecWorkload extends Common {
  readonly codec: Pick<CodecTask, "operation" | "bytes">;
}

export type Workload = ServerWorkload | CodecWorkload;

/** A line of text of so many bytes. */
export function text(bytes: number): string {
  return "the quick brown fox jumps over the lazy dog, ".repeat(bytes / 45 + 1).slice(0, bytes);
}

const ECHO = { app: "echo", compression: false } as const;
const BROADCAST = { app: "broadcast", compression: false } as const;
const COMPRESSED = { app: "echo", compression: true } as const;
const IDLE_CONNECTIONS = 10_000;
const ROOM_MEMBERS = 8;

const sized = (bytes: number): string =>
  bytes >= 1_048_576
    ? `${bytes / 1_048_576} MiB`
    : bytes >= 1024
      ? `${bytes / 1024} KiB`
      : `${bytes} B`;

/** `first`, twice that, and so on, `count` in all. */
const doubling = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, step) => first * 2 ** step);

function echo(bytes: number, connections: number, depth: number): ServerWorkload {
  const size = sized(bytes);
  const messages = depth === 1 ? "one message" : `${depth} messages`;
  return {
    id: `echo-${size.replace(" ", "")}-${depth}`,
    group: "echo",
    title: `Echo of ${size}, ${depth} in flight`,
    about: `${connections} connections, each with ${messages} under way.`,
    unit: "message",
    server: ECHO,
    load: { mode: "echo", messages: [text(bytes)], connections, depth },
    subjects: ECHOES,
  };
}

function broadcast(members: number, senders: number): ServerWorkload {
  const who = senders === members ? "Every member sends" : `${senders} of them send`;
  return {
    id: `broadcast-${members}${senders === 1 ? "-one-sender" : ""}`,
    group: "broadcast",
    title: `Broadcast to ${members}${senders === 1 ? ", one sender" : ""}`,
    about:
      senders === 1
        ? "One member sends 64 bytes to everybody, and again when it has got them: nothing can be sent together."
        : `${who} 64 bytes to everybody, and again when it has got as many messages as there are senders. Deliveries are counted.`,
    unit: "delivery",
    server: BROADCAST,
    load: { mode: "broadcast", messages: [text(64)], connections: members, senders },
    subjects: BROADCASTERS,
  };
}

const compressed: ServerWorkload = {
  id: "compressed-echo",
  group: "compressed",
  title: "Echo of 1 KiB JSON, compressed",
  about:
    "permessage-deflate with context takeover as a browser offers it, 64 connections, one message under way on each. Longwire, ws and gorilla with their defaults; uWebSockets.js and Bun with a compressor for each connection, since they have no context takeover without.",
  unit: "message",
  server: COMPRESSED,
  load: {
    mode: "echo",
    messages: jsonMessages(1024, 128),
    connections: 64,
    depth: 1,
    compress: true,
  },
  subjects: READERS,
};

const compressedLevels: ServerWorkload = {
  ...compressed,
  id: "compressed-levels",
  title: "Levels of compression",
  about: "The same echo, by the level at which the server compresses.",
  subjects: LEVELS,
};

const handshakes: ServerWorkload = {
  id: "handshakes",
  group: "handshakes",
  title: "Handshakes",
  about:
    "64 connections at a time live from TCP's beginning to its end: upgrade, closing handshake with 1000. Latency is that of the 101.",
  unit: "handshake",
  server: ECHO,
  load: { mode: "handshakes", messages: [], connections: 64 },
  subjects: SERVERS,
};

const idle: ServerWorkload = {
  id: "idle",
  group: "idle",
  title: "Memory of an idle connection",
  about: `What the process grows by with ${IDLE_CONNECTIONS} connections that have sent nothing, beyond the first 1,000; garbage collected before both readings.`,
  unit: "connection",
  server: ECHO,
  load: { mode: "hold", messages: [text(64)], connections: IDLE_CONNECTIONS, depth: 0 },
  subjects: [...SERVERS, BARE_SOCKET],
};

const idleCompressed: ServerWorkload = {
  ...idle,
  id: "idle-compressed",
  title: "Memory of an idle connection with compression",
  about:
    "The same after one echo of 2 KiB JSON, compressed both ways with context takeover: a library that makes its state at the first message has made it.",
  server: COMPRESSED,
  load: {
    mode: "hold",
    messages: jsonMessages(2048, 32),
    connections: IDLE_CONNECTIONS,
    depth: 1,
    compress: true,
  },
  subjects: SERVERS,
};

const latency: ServerWorkload = {
  id: "latency",
  group: "latency",
  title: "Latency at half of what ws can do",
  about:
    "64 B echoes on 64 connections, sent by the clock at half of what ws takes at most with one in flight, measured just before. A latency counts from when its message was due, so a server that stalls is charged for all that wait behind the stall.",
  unit: "message",
  server: ECHO,
  load: { mode: "rate", messages: [text(64)], connections: 64 },
  offered: 0.5,
  subjects: READERS,
};

const adapterMessages: ServerWorkload = {
  id: "adapter-messages",
  group: "adapters",
  title: "Adapters: messages",
  about: "64 B, 64 connections, 16 in flight, through each framework's route.",
  unit: "message",
  server: ECHO,
  load: { mode: "echo", messages: [text(64)], connections: 64, depth: 16 },
  subjects: ADAPTERS,
};

const adapterHandshakes: ServerWorkload = {
  ...handshakes,
  id: "adapter-handshakes",
  group: "adapters",
  title: "Adapters: handshakes",
  about: "As above, through each framework's route.",
  subjects: ADAPTERS,
};

/* Growth: the same work for each message, on ever more of something. */

function growing(
  series: Omit<Series, "at">,
  values: readonly number[],
  make: (at: number) => ServerWorkload,
): ServerWorkload[] {
  return values.map((at) => {
    const workload = make(at);
    const subjects = workload.subjects.filter(({ id }) => [LONGWIRE.id, WS.id].includes(id));
    const id = `${series.id}-${at}`;
    return { ...workload, id, group: "growth", series: { ...series, at }, subjects };
  });
}

function rooms(count: number): ServerWorkload {
  const one = broadcast(ROOM_MEMBERS, ROOM_MEMBERS);
  return { ...one, load: { ...one.load, connections: count * ROOM_MEMBERS, rooms: count } };
}

const growth: readonly ServerWorkload[] = [
  ...growing(
    { id: "growth-connections", title: "More connections", of: "connections, 64 B, 1 in flight" },
    doubling(64, 7),
    (at) => echo(64, at, 1),
  ),
  ...growing(
    {
      id: "growth-bytes",
      title: "Longer messages",
      of: "KiB in a message, 16 connections, 1 in flight",
      divides: true,
    },
    doubling(1, 11),
    (at) => echo(at * 1024, 16, 1),
  ),
  ...growing(
    { id: "growth-members", title: "Bigger rooms", of: "members of a room, 8 of them send" },
    doubling(32, 7),
    (at) => broadcast(at, 8),
  ),
  ...growing(
    { id: "growth-rooms", title: "More rooms", of: `rooms of ${ROOM_MEMBERS}, all send` },
    doubling(4, 8),
    rooms,
  ),
];

function codec(operation: CodecTask["operation"], title: string, sizes: number[]): CodecWorkload[] {
  return sizes.map((bytes) => ({
    id: `codec-${operation}-${bytes}`,
    group: "codec",
    title: `${title}, ${sized(bytes)}`,
    about: title,
    unit: "call",
    codec: { operation, bytes },
    series: { id: `codec-${operation}`, title, of: "bytes in a message", at: bytes },
    subjects: CODECS[operation],
  }));
}

const SIZES = [16, 64, 256, 1024, 16_384, 262_144];

export const WORKLOADS: readonly Workload[] = [
  echo(64, 64, 1),
  echo(64, 64, 16),
  echo(64, 64, 64),
  echo(16_384, 16, 1),
  echo(1_048_576, 4, 1),
  compressed,
  compressedLevels,
  broadcast(32, 32),
  broadcast(500, 500),
  broadcast(500, 1),
  broadcast(5000, 32),
  handshakes,
  idle,
  idleCompressed,
  latency,
  adapterMessages,
  adapterHandshakes,
  ...growth,
  ...codec("parse", "Frames in, messages out", SIZES),
  ...codec("serialize", "Messages in, frames out", SIZES),
  ...codec("mask", "Unmasking", SIZES),
  ...codec("utf8", "Checking UTF-8", SIZES),
];

/** The workloads of these names, groups and series included. @throws RangeError naming one that there is not. */
export function chosen(names: readonly string[]): Workload[] {
  const namesOf = ({ id, group, series }: Workload): (string | undefined)[] => [
    id,
    group,
    series?.id,
  ];
  for (const name of names) {
    if (!WORKLOADS.some((workload) => namesOf(workload).includes(name))) {
      throw new RangeError(`no workload or group is called ${name}; --list names all`);
    }
  }
  return WORKLOADS.filter(
    (workload) => names.length === 0 || names.some((name) => namesOf(workload).includes(name)),
  );
}
