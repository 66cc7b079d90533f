/** The load generator in C: built when its source is newer, run with the messages in a file. */

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinned } from "./pinning.ts";

const SOURCE = fileURLToPath(new URL("../load/echo-load.c", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../dist/load/echo-load", import.meta.url));

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
  readonly compressedEchoes: number;
  /** Microseconds from sending a message to having its echo. */
  readonly p50: number;
  readonly p99: number;
}

export interface LoadOptions {
  readonly port: number;
  readonly messages: readonly string[];
  readonly compress: boolean;
  readonly connections: number;
}

function isOlder(file: string, source: string): boolean {
  const made = statSync(file, { throwIfNoEntry: false });
  return made === undefined || made.mtimeMs < statSync(source).mtimeMs;
}

/** Compiles the generator; needs a C compiler and zlib's headers (`apt install gcc zlib1g-dev`). */
export function buildLoadGenerator(): void {
  if (!isOlder(PROGRAM, SOURCE)) return;
  mkdirSync(fileURLToPath(new URL(".", `file://${PROGRAM}`)), { recursive: true });
  execFileSync("cc", ["-O2", "-o", PROGRAM, SOURCE, "-lz"], { stdio: "inherit" });
}

/** A file with the messages, for as long as `use` runs. */
async function withMessages<T>(
  messages: readonly string[],
  use: (file: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "echo-load-"));
  try {
    const file = join(folder, "messages");
    writeFileSync(file, `${messages.join("\n")}\n`);
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function start(options: LoadOptions, file: string, extra: readonly string[]): ChildProcess {
  const { port, connections, compress } = options;
  const args = ["--port", String(port), "--messages", file, "--connections", String(connections)];
  const all = [...args, ...(compress ? ["--compress"] : []), ...extra];
  const [command, ...rest] = pinned("load", PROGRAM, all);
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

/** Keeps `depth` messages under way on every connection, and measures after 3 s: V8 needs as long to have compiled all of it. */
export function runLoad(
  options: LoadOptions & { depth: number; seconds: number; pid: number },
): Promise<LoadResult> {
  const { depth, seconds, pid } = options;
  const extra = ["--depth", depth, "--seconds", seconds, "--warm-up", 3, "--pid", pid].map(String);
  return withMessages(options.messages, async (file) => {
    const output = await collect(start(options, file, extra));
    return JSON.parse(output) as LoadResult; // our own program's output
  });
}

/** Opens connections, has one message echoed on each, and keeps them while `use` runs. */
export function holdConnections<T>(options: LoadOptions, use: () => Promise<T>): Promise<T> {
  return withMessages(options.messages, async (file) => {
    const child = start(options, file, ["--hold"]);
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
