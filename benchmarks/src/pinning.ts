/** Server on one core, load on another, so that neither takes the other's time: Linux with two cores or more. */

import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

const CORES = { server: "0", load: "1" } as const;

const canPin = availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;

/** The command that runs a program where it belongs. */
export function pinned(
  who: keyof typeof CORES,
  program: string,
  args: readonly string[],
): [string, ...string[]] {
  return canPin ? ["taskset", "-c", CORES[who], program, ...args] : [program, ...args];
}
