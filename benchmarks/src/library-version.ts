/** Versions of what is measured. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { BUN_VERSION, UWS_VERSION } from "./runtimes.ts";
import type { Subject } from "./subjects.ts";

/** Of what is in this repository. */
export const OWN_VERSION = "this commit";

const require = createRequire(import.meta.url);

/** Of a package in our `node_modules`. */
export function packageVersion(name: string): string {
  const folders = require.resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      const file = join(dirname(folder), "node_modules", name, "package.json");
      return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
    } catch {
      continue; // the next folder up
    }
  }
  return "unknown";
}

function debianVersion(name: string): string {
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Version}", name], { encoding: "utf8" });
  return query.status === 0 ? query.stdout : "unknown";
}

export function libraryVersion({ program, npm }: Subject): string {
  if (npm !== undefined) return packageVersion(npm);
  switch (program) {
    case "ws":
      return `${packageVersion("ws")}, bufferutil ${packageVersion("bufferutil")}, utf-8-validate ${packageVersion("utf-8-validate")}`;
    case "uws":
      return `${UWS_VERSION}, Node 20`;
    case "bun":
      return BUN_VERSION;
    case "gorilla":
      return debianVersion("golang-github-gorilla-websocket-dev");
    default:
      return OWN_VERSION;
  }
}
