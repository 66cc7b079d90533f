/** What a result must say about where it comes from. */

import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, release } from "node:os";

function git(...args: string[]): string | undefined {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined; // no repository
  }
}

/** The commit that is checked out, with a `+` when packages or benchmarks differ from it. */
export function commit(): string {
  const name = git("rev-parse", "--short", "HEAD")?.trim();
  if (name === undefined) return "no repository";
  const changes =
    git(
      "status",
      "--porcelain",
      "--untracked-files=no",
      ":/packages",
      ":/benchmarks/load",
      ":/benchmarks/src",
    ) ?? "";
  return changes === "" ? name : `${name}+`;
}

/** One line: processor, cores, kernel. */
export function describeMachine(): string {
  const processor = cpus()[0]?.model.trim() ?? "unknown processor";
  return `${processor}, ${availableParallelism()} cores, Linux ${release()}`;
}
