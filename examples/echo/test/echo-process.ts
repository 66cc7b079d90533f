/** The echo server as a process of its own, as benchmarks run it. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Readable } from "node:stream";
import { deferred, nextEvent, within } from "@longwire/testkit";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const COMPILER = fileURLToPath(new URL("node_modules/typescript/bin/tsc", `file://${ROOT}`));
const PROJECT = fileURLToPath(new URL("../tsconfig.build.json", import.meta.url));

/** A start on a busy machine may take a while, and below npm it looks for changed sources first. */
const START_MS = 30_000;

type Child = ChildProcessByStdio<null, Readable, Readable>;

function spawnPiped(command: string, args: readonly string[]): Child {
  return spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
}

/** Compiles the server and what it needs; does nothing when all of it is up to date. */
export async function build(): Promise<void> {
  const compiler = spawnPiped(process.execPath, [COMPILER, "-b", PROJECT]);
  let output = "";
  compiler.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await nextEvent(compiler, "close", "the compiler", 120_000);
  if (code !== 0) throw new Error(`the compiler found errors:\n${output}`);
}

export interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class EchoProcess implements Disposable {
  readonly pid: number;
  readonly #child: Child;
  readonly #exit: Promise<Exit>;
  readonly #firstLine: Promise<string>;
  #port: number | undefined;

  private constructor(child: Child) {
    this.#child = child;
    if (child.pid === undefined) throw new Error("the process did not start");
    this.pid = child.pid;
    const exit = deferred<Exit>();
    const line = deferred<string>();
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes("\n")) line.resolve(stdout.slice(0, stdout.indexOf("\n")));
    });
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("close", (code) => {
      exit.resolve({ code, stdout, stderr });
      line.reject(new Error(`exited with ${String(code)} before it listened: ${stderr}`));
    });
    this.#exit = exit.promise;
    this.#firstLine = line.promise;
  }

  /** Runs the compiled program with these arguments and does not wait for it to listen. */
  static run(args: readonly string[]): EchoProcess {
    return new EchoProcess(spawnPiped(process.execPath, [MAIN, ...args]));
  }

  /** Starts on a free port and awaits the line that says so. */
  static async start(framework: string, args: readonly string[] = []): Promise<EchoProcess> {
    return EchoProcess.run(["--framework", framework, "--port", "0", ...args]).#listening();
  }

  /** The same by `npm run`; `pid` is npm's. */
  static async startByNpm(framework: string): Promise<EchoProcess> {
    const args = ["run", "-s", "echo", "--", "--framework", framework, "--port", "0"];
    return new EchoProcess(spawnPiped("npm", args)).#listening();
  }

  async #listening(): Promise<this> {
    const line = await within(this.#firstLine, "the line that names the address", START_MS);
    const port = /^listening on ws:\/\/127\.0\.0\.1:(\d+)$/u.exec(line)?.[1];
    if (port === undefined) throw new Error(`expected "listening on ws://…", got ${line}`);
    this.#port = Number(port);
    return this;
  }

  get port(): number {
    if (this.#port === undefined) throw new Error("the server does not listen");
    return this.#port;
  }

  url(path: string): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  kill(signal: "SIGTERM" | "SIGINT"): void {
    process.kill(this.pid, signal);
  }

  async exited(ms?: number): Promise<Exit> {
    return within(this.#exit, "the process to exit", ms);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}
