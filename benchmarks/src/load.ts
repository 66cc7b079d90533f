/** The load generator in C: built when its source is newer, run with the messages in a file. */

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinned } from "./pinning.ts";

const SOURCES = fileURLToPath(new URL("../load/", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../dist/load/load", import.meta.url));

export interface LoadOptions {
  readonly mode: "echo" | "rate" | "broadcast" | "handshakes" | "hold";
  readonly messages: readonly string[];
  readonly connections: number;
  /** Messages under way on each connection. @default 1 */
  readonly depth?: number;
  /** Those of a room that send. @default everybody */
  readonly senders?: number;
  /** @default 1 */
  readonly rooms?: number;
  /** Messages a second over all connections, in mode `rate`. */
  readonly rate?: number;
  /** @default false */
  readonly compress?: boolean;
}

/** What the generator has measured. */
export interface LoadResult {
  readonly messages: number;
  readonly seconds: number;
  /** Of the server, all its threads, user and system. */
  readonly cpuSeconds: number;
  /** From the server. */
  readonly bytesIn: number;
  /** To the server. */
  readonly bytesOut: number;
  /** Of the messages, how many came compressed. */
  readonly compressed: number;
  /** Of the open loop, messages without an answer 5 s after its end. */
  readonly unanswered: number;
  /** Microseconds from sending a message to having its echo; 0 where that is not measured. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** The server that is loaded. */
export interface Target {
  readonly port: number;
  readonly pid: number;
}

/** Seconds. */
export interface Window {
  readonly warmUp: number;
  readonly seconds: number;
}

const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Compiles the generator; needs a C compiler and zlib's headers (`apt install gcc zlib1g-dev`). */
export function buildLoadGenerator(): void {
  const sources = readdirSync(SOURCES).map((name) => join(SOURCES, name));
  if (modified(PROGRAM) > Math.max(...sources.map(modified))) return;
  mkdirSync(fileURLToPath(new URL(".", `file://${PROGRAM}`)), { recursive: true });
  const programs = sources.filter((file) => file.endsWith(".c"));
  execFileSync("cc", ["-O2", "-o", PROGRAM, ...programs, "-lz"], { stdio: "inherit" });
}

/** A file with the messages, for as long as `use` runs. */
async function withMessages<T>(
  messages: readonly string[],
  use: (file: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "longwire-load-"));
  try {
    const file = join(folder, "messages");
    writeFileSync(file, `${messages.join("\n")}\n`);
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Command line of the generator, without its program. */
export function loadArguments(load: LoadOptions, target: Target, file: string): string[] {
  const { mode, connections, depth = 1, senders, rooms, rate, compress = false } = load;
  const args = [mode, "--port", target.port, "--pid", target.pid, "--messages", file];
  args.push("--connections", connections, "--depth", depth);
  if (senders !== undefined) args.push("--senders", senders);
  if (rooms !== undefined) args.push("--rooms", rooms);
  if (rate !== undefined) args.push("--rate", rate);
  if (compress) args.push("--compress");
  return args.map(String);
}

function start(args: readonly string[]): ChildProcess {
  const [command, ...rest] = pinned("load", PROGRAM, args);
  return spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
}

function collect(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`the load generator ended with ${code}`));
    });
  });
}

// A handshake goes through so much code that V8 goes on compiling for seconds, on the server's core: 160 instead of 214 µs
// after 3 (the engine on Node 20), 180 instead of 400 after 8 (Express on Node 24).
const HANDSHAKE_WARM_UP_SECONDS = 8;

export function runLoad(load: LoadOptions, target: Target, window: Window): Promise<LoadResult> {
  return withMessages(load.messages, async (file) => {
    const { warmUp, seconds } = window;
    const least = load.mode === "handshakes" ? HANDSHAKE_WARM_UP_SECONDS : 0;
    const times = ["--warm-up", String(Math.max(warmUp, least)), "--seconds", String(seconds)];
    const output = await collect(start([...loadArguments(load, target, file), ...times]));
    return JSON.parse(output) as LoadResult; // our own program's output
  });
}

/** Opens connections, has `depth` messages echoed on each, and keeps them while `use` runs. */
export function holdConnections<T>(
  load: LoadOptions,
  target: Target,
  use: () => Promise<T>,
): Promise<T> {
  return withMessages(load.messages, async (file) => {
    const child = start(loadArguments({ ...load, mode: "hold" }, target, file));
    const ended = collect(child);
    const ready = new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
    await Promise.race([ready, ended]);
    try {
      return await use();
    } finally {
      child.stdin?.end();
      await ended;
    }
  });
}
