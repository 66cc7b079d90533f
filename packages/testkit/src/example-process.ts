/** An example as a process of its own: compiled, started, read line by line, stopped by a signal. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { buildWorkspace } from "./built-workspace.ts";
import { deferred, Inbox, within } from "./wait.ts";

const ROOT = new URL("../../../", import.meta.url);
const EXIT_MS = 15_000;
const START_MS = 30_000;

export interface ExampleExit {
  readonly code: number | null;
  readonly stderr: string;
}

export class ExampleProcess implements Disposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: Inbox<string> = new Inbox("a line of standard output");
  readonly #exit: Promise<ExampleExit>;

  /** @param name - Folder below examples/. */
  constructor(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const folder = fileURLToPath(new URL(`examples/${name}`, ROOT));
    buildWorkspace(folder);
    this.#child = spawn(process.execPath, ["dist/main.js", ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    createInterface(this.#child.stdout).on("line", (line) => this.#lines.push(line));
    let stderr = "";
    this.#child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const exit = deferred<ExampleExit>();
    this.#child.once("close", (code) => exit.resolve({ code, stderr }));
    this.#exit = exit.promise;
  }

  /** Writes a line to its standard input. */
  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  /** The next line that it has printed. */
  line(): Promise<string> {
    return this.#lines.next(START_MS);
  }

  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    this.#child.kill(signal);
  }

  exited(): Promise<ExampleExit> {
    return within(this.#exit, "the example's exit", EXIT_MS);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}
