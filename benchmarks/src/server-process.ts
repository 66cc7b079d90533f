/** An echo server as a process of its own. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pinned } from "./pinning.ts";

/** A server to be measured. */
export interface Subject {
  readonly name: string;
  /** Program in `servers/`. */
  readonly program: "longwire" | "ws";
  /** Its option of permessage-deflate. */
  readonly compression: unknown;
  readonly environment?: Readonly<Record<string, string>>;
}

/** What a process holds in memory, in bytes, after garbage collection. */
export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

export class ServerProcess implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterableIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterableIterator<string>, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.port = port;
  }

  /** @param node - The Node that runs it. */
  static async start(subject: Subject, node: string): Promise<ServerProcess> {
    const program = fileURLToPath(new URL(`servers/${subject.program}-echo.js`, import.meta.url));
    const args = ["--expose-gc", program, JSON.stringify(subject.compression)];
    const [command, ...rest] = pinned("server", node, args);
    const child = spawn(command, rest, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...subject.environment },
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const port = await nextNumber(lines);
    return new ServerProcess(child, lines, port);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Has the server collect its garbage, and measures it. */
  async memory(): Promise<Memory> {
    this.#child.stdin?.write("memory\n");
    const { value } = await this.#lines.next();
    const { heapUsed, external } = JSON.parse(String(value)) as Omit<Memory, "rss">; // our own server's line
    return { rss: residentBytes(this.pid), heapUsed, external };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}

async function nextNumber(lines: AsyncIterator<string>): Promise<number> {
  const { value, done } = await lines.next();
  if (done === true) throw new Error("the server ended before it listened");
  return Number(value);
}

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}
