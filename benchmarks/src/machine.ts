/** What a result must say about where it comes from. */

import { execFileSync } from "node:child_process";
import { availableParallelism, cpus } from "node:os";

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "no repository";
  }
}

/** One line: processor, cores, commit. */
export function describeMachine(): string {
  return `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, commit ${commit()}`;
}

export function versionOf(node: string): string {
  return execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
}
