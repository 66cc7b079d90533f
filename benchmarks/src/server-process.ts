/** A server as a process of its own. */

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { pinned } from "./pinning.ts";
import { bunBinary, gorillaBinary, nodeBinary, uwsHome } from "./runtimes.ts";
import type { ServerSpec } from "./servers/spec.ts";
import type { Subject } from "./subjects.ts";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** What a process holds in memory, in bytes, after garbage collection. */
export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
/** What uWebSockets.js says on stderr where it has no binary for this Node. */
const UWS_FALLBACK = "Falling back to a NodeJS implementation";

/** The command that serves `subject`. @param node - The Node for those that have no other. */
function commandOf(
  subject: Subject,
  server: Pick<ServerSpec, "app" | "compression">,
  node: string,
  flags: readonly string[],
): [string, ...string[]] {
  const { program } = subject;
  const spec: ServerSpec = {
    reading: "forEach",
    longwire: CHECKOUT,
    peers: program === "uws" ? uwsHome() : CHECKOUT,
    ...server,
    ...subject.spec,
  };
  const argument = JSON.stringify(spec);
  const file = fileURLToPath(new URL(`servers/${program}.js`, import.meta.url));
  switch (program) {
    case "gorilla": {
      const binary = gorillaBinary();
      if (binary === undefined) throw new Error("Go or its package of gorilla is missing");
      return [binary, argument];
    }
    case "bun":
      return [bunBinary(), file, argument];
    case "uws":
      return [nodeBinary("20"), "--expose-gc", file, argument];
    default:
      return [node, "--expose-gc", ...flags, file, argument];
  }
}

export class ServerProcess implements AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly #child: Child;
  readonly #lines: AsyncIterableIterator<string>;

  private constructor(child: Child, lines: AsyncIterableIterator<string>, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.port = port;
    this.pid = child.pid ?? 0;
  }

  /**
   * @param node - The Node that runs it; uWebSockets.js gets Node 20, Bun and Go run themselves.
   * @param flags - More options of that Node.
   * @throws Error when it ends before it listens, or is not what it should be.
   */
  static async start(
    subject: Subject,
    server: Pick<ServerSpec, "app" | "compression">,
    node: string,
    flags: readonly string[] = [],
  ): Promise<ServerProcess> {
    const [program, ...args] = commandOf(subject, server, node, flags);
    const [command, ...rest] = pinned("server", program, args);
    const child = spawn(command, rest, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...subject.environment },
    });
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaint += chunk.toString();
      process.stderr.write(chunk);
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const port = Number((await lines.next()).value);
    const started = new ServerProcess(child, lines, port);
    if (Number.isInteger(port) && !complaint.includes(UWS_FALLBACK)) return started;
    await started[Symbol.asyncDispose]();
    throw new Error(`${subject.id} has not started: ${complaint.trim() || "it printed no port"}`);
  }

  /** Has the server collect its garbage, and measures it. */
  async memory(): Promise<Memory> {
    this.#child.stdin.write("memory\n");
    const { value } = await this.#lines.next();
    const { heapUsed, external } = JSON.parse(String(value)) as Omit<Memory, "rss">; // our own server's line
    return { rss: residentBytes(this.pid), heapUsed, external };
  }

  /** Has a server on Node end by itself, as its profiler needs it. */
  async end(): Promise<void> {
    const gone = once(this.#child, "exit");
    this.#child.stdin.write("end\n");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}
