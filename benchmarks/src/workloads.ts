/** Workloads: what is asked of a server. */

import { jsonMessages } from "./json-messages.ts";
import type { LoadOptions } from "./load.ts";
import type { ServerSpec } from "./servers/spec.ts";
import { BARE_SOCKET, READERS, SERVERS, type Subject } from "./subjects.ts";

export interface Workload {
  readonly id: string;
  /** Several workloads that are asked for together. */
  readonly group: string;
  readonly title: string;
  /** One sentence for the report. */
  readonly about: string;
  /** What is counted. */
  readonly unit: "message" | "delivery" | "handshake" | "connection";
  readonly server: Pick<ServerSpec, "app" | "compression">;
  readonly load: LoadOptions;
  readonly subjects: readonly Subject[];
}

/** A line of text of so many bytes. */
export function text(bytes: number): string {
  return "the quick brown fox jumps over the lazy dog, ".repeat(bytes / 45 + 1).slice(0, bytes);
}

const ECHO = { app: "echo", compression: false } as const;
const BROADCAST = { app: "broadcast", compression: false } as const;
const COMPRESSED = { app: "echo", compression: true } as const;

function echo(name: string, bytes: number, connections: number, depth: number): Workload {
  const size = name.split("-", 1)[0] ?? name;
  return {
    id: `echo-${name}`,
    group: "echo",
    title: `Echo of ${size}, ${depth} in flight`,
    about: `${connections} connections, each with ${depth} ${depth === 1 ? "message" : "messages"} under way.`,
    unit: "message",
    server: ECHO,
    load: { mode: "echo", messages: [text(bytes)], connections, depth },
    subjects: READERS,
  };
}

function broadcast(members: number, senders: number): Workload {
  const who = senders === members ? "Every member sends" : `${senders} of them send`;
  return {
    id: `broadcast-${members}`,
    group: "broadcast",
    title: `Broadcast to ${members}`,
    about: `One room of ${members}. ${who} 64 bytes, to everybody, and again when it has got as many as there are senders. Deliveries are counted.`,
    unit: "delivery",
    server: BROADCAST,
    load: { mode: "broadcast", messages: [text(64)], connections: members, senders },
    subjects: SERVERS,
  };
}

const IDLE_CONNECTIONS = 10_000;

export const WORKLOADS: readonly Workload[] = [
  echo("64B-1", 64, 64, 1),
  echo("64B-16", 64, 64, 16),
  echo("64B-64", 64, 64, 64),
  echo("16KiB-1", 16_384, 16, 1),
  echo("1MiB-1", 1_048_576, 4, 1),
  {
    id: "compressed",
    group: "compressed",
    title: "Echo of 1 KiB JSON, compressed",
    about:
      "permessage-deflate with context takeover as a browser offers it, 64 connections, one message under way on each. Every server with its defaults.",
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
  },
  broadcast(32, 32),
  broadcast(500, 500),
  broadcast(5000, 32),
  {
    id: "handshakes",
    group: "handshakes",
    title: "Handshakes",
    about:
      "64 connections at a time: TCP, upgrade, closing handshake with 1000, TCP's end. CPU time is that of such a life.",
    unit: "handshake",
    server: ECHO,
    load: { mode: "handshakes", messages: [], connections: 64 },
    subjects: SERVERS,
  },
  {
    id: "idle",
    group: "idle",
    title: "Memory of an idle connection",
    about: `Growth of the process by ${IDLE_CONNECTIONS} connections that have sent nothing, garbage collected before both readings.`,
    unit: "connection",
    server: ECHO,
    load: { mode: "hold", messages: [text(64)], connections: IDLE_CONNECTIONS, depth: 0 },
    subjects: [...SERVERS, BARE_SOCKET],
  },
  {
    id: "idle-compressed",
    group: "idle",
    title: "Memory of an idle connection with compression",
    about: `The same after one echo of 2 KiB JSON, compressed both ways with context takeover.`,
    unit: "connection",
    server: COMPRESSED,
    load: {
      mode: "hold",
      messages: jsonMessages(2048, 32),
      connections: IDLE_CONNECTIONS,
      depth: 1,
      compress: true,
    },
    subjects: SERVERS,
  },
];

/** The workloads of these names, groups included. @throws RangeError naming one that there is not. */
export function chosen(names: readonly string[]): Workload[] {
  for (const name of names) {
    if (!WORKLOADS.some(({ id, group }) => id === name || group === name)) {
      throw new RangeError(`no workload or group is called ${name}; --list names all`);
    }
  }
  return WORKLOADS.filter(
    ({ id, group }) => names.length === 0 || names.includes(id) || names.includes(group),
  );
}
