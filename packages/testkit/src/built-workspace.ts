/** A workspace as its users get it: compiled, and loaded by a Node of its own. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const TSC = fileURLToPath(new URL("../../../node_modules/typescript/bin/tsc", import.meta.url));

/** Compiles a workspace and what it stands on; next to nothing when that has been done. */
export function buildWorkspace(folder: string): void {
  const { status, stdout } = spawnSync(process.execPath, [TSC, "-b", "tsconfig.build.json"], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`the workspace does not compile:\n${stdout}`);
}

export interface NodeRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Node in a folder to its end, without the conditions and options of this one. */
export async function runNode(folder: string, args: readonly string[]): Promise<NodeRun> {
  const env: NodeJS.ProcessEnv = { ...process.env };
  // What a test runner tells its own children.
  for (const name of ["NODE_OPTIONS", "NODE_TEST_CONTEXT", "VITEST"]) delete env[name];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}
