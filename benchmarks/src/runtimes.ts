/**
 * Programs that run the servers: Nodes, and the peers that are not in `node_modules` because they are 100 MB each. They
 * are installed when first wanted, into a folder of the user's cache (or `LONGWIRE_BENCH_CACHE`), exact versions only.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CACHE =
  process.env["LONGWIRE_BENCH_CACHE"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "longwire-bench");

export const UWS_VERSION = "20.30.0-unofficial.0";
export const BUN_VERSION = "1.4.5";
/** The bare binaries of npm's `node-linux-*` packages. */
const NODE_VERSIONS: Readonly<Record<string, string>> = {
  "20": "20.20.2",
  "22": "22.23.3",
  "24": "24.21.0",
  "26": "26.10.0",
};

/** Installs one package where it is not yet, without running its scripts. @returns The folder of its `node_modules`. */
function installed(folder: string, name: string, version: string): string {
  const home = join(CACHE, folder);
  if (existsSync(join(home, "node_modules", name, "package.json"))) return home;
  mkdirSync(home, { recursive: true });
  process.stderr.write(`installing ${name}@${version} into ${home}\n`);
  const options = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  const args = ["install", "--prefix", home, ...options, `${name}@${version}`];
  execFileSync("npm", args, { cwd: home, stdio: ["ignore", 2, 2] });
  return home;
}

/** The folder whose `node_modules` has uWebSockets.js. */
export function uwsHome(): string {
  return installed(`uws-${UWS_VERSION}`, "@trufflesuite/uws-js-unofficial", UWS_VERSION);
}

export function bunBinary(): string {
  const name = `@oven/bun-linux-${process.arch === "arm64" ? "aarch64" : process.arch}`;
  return join(installed(`bun-${BUN_VERSION}`, name, BUN_VERSION), "node_modules", name, "bin/bun");
}

export function versionOf(node: string): string {
  return execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
}

/** @param wanted - A path, or a major version. @throws RangeError for any other version. */
export function nodeBinary(wanted: string): string {
  if (wanted.includes("/")) return wanted;
  if (process.versions.node.split(".", 1)[0] === wanted) return process.execPath;
  const version = NODE_VERSIONS[wanted];
  if (version === undefined) {
    throw new RangeError(`--node takes a path or one of 20, 22, 24, 26, got ${wanted}`);
  }
  const name = `node-linux-${process.arch}`;
  return join(installed(`node-${version}`, name, version), "node_modules", name, "bin/node");
}

const GO_PATH = "/usr/share/gocode"; // Debian's Go packages
const GO_SOURCE = fileURLToPath(new URL("../peers/gorilla/main.go", import.meta.url));

/** The Go server, compiled when its source is newer; undefined where Go or gorilla is missing. */
export function gorillaBinary(): string | undefined {
  const hasGo = spawnSync("go", ["version"]).status === 0;
  if (!hasGo || !existsSync(join(GO_PATH, "src/github.com/gorilla/websocket"))) return undefined;
  const binary = join(CACHE, "gorilla-server");
  const made = statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (made > statSync(GO_SOURCE).mtimeMs) return binary;
  mkdirSync(CACHE, { recursive: true });
  const env = { ...process.env, GO111MODULE: "off", GOPATH: GO_PATH, GOFLAGS: "" };
  execFileSync("go", ["build", "-o", binary, GO_SOURCE], { env, stdio: ["ignore", 2, 2] });
  return binary;
}
