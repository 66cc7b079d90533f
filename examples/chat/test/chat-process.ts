/** The chat as a process of its own: built, started on free ports, read line by line, stopped by a signal. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { nextEvent, within } from "@longwire/testkit";

const EXAMPLE = fileURLToPath(new URL("../", import.meta.url));
const TSC = fileURLToPath(new URL("../../../node_modules/typescript/bin/tsc", import.meta.url));
const STARTS_WITHIN = 10_000; // ms

/** Compiles the example and what it stands on; next to nothing when that has been done. */
export function build(): void {
  const { status, stdout } = spawnSync(process.execPath, [TSC, "-b", "tsconfig.build.json"], {
    cwd: EXAMPLE,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the example does not compile:\n${stdout}`);
}

/** A server that does nothing but hold its port. */
export async function holdPort(port: number): Promise<Server> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

export async function releasePort(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

/**
 * The first of four free ports in a row, below those that systems give away themselves: of these another test may get one
 * before the chat has it.
 */
export async function fourFreePorts(): Promise<number> {
  for (;;) {
    const first = randomInt(10_000, 30_000);
    const held = await Promise.allSettled([0, 1, 2, 3].map((more) => holdPort(first + more)));
    for (const one of held) if (one.status === "fulfilled") await releasePort(one.value);
    if (held.every(({ status }) => status === "fulfilled")) return first;
  }
}

export class ChatProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #stdout = "";
  #stderr = "";

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, ["dist/main.js", ...args], {
      cwd: EXAMPLE,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (text: Buffer) => (this.#stdout += text.toString()));
    this.#child.stderr?.on("data", (text: Buffer) => (this.#stderr += text.toString()));
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => resolve({ code, signal }));
    });
  }

  /** Starts the chat on four ports from `first` on and waits until it is open. */
  static async open(first: number): Promise<ChatProcess> {
    const chat = new ChatProcess(["--port", String(first)]);
    await chat.line(/Ctrl\+C/);
    return chat;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for a line on stdout that matches. */
  async line(pattern: RegExp): Promise<string> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("the process has no stdout");
    for (;;) {
      const found = this.#stdout.split("\n").find((line) => pattern.test(line));
      if (found !== undefined) return found;
      const ended = this.ended().then(({ code }) => {
        throw new Error(`the process ended with ${code}:\n${this.#stdout}${this.#stderr}`);
      });
      await Promise.race([
        nextEvent(stdout, "data", `a line like ${pattern}`, STARTS_WITHIN),
        ended,
      ]);
    }
  }

  /** Waits for the process to end by itself. */
  async ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return within(this.#ended, "the chat process to end", STARTS_WITHIN);
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#child.kill(signal);
    const { code } = await this.ended();
    return code;
  }

  /** Ends the process at once, however the test went. */
  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}
