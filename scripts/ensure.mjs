/** Makes the working tree runnable: right Node, dependencies installed, sources compiled. Built-ins only. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Lowest Node that `require()`s ES modules without a flag. The same number is in every `engines` field. */
export const MINIMUM_NODE = "20.19.0";

/** A failure whose message is all that the person at the terminal needs. */
export class EnsureError extends Error {
  /** @override */
  name = "EnsureError";
}

/**
 * Compares two dotted version numbers part by part; `v` in front and a pre-release tag are ignored.
 *
 * @param {string} version
 * @param {string} minimum
 * @returns {boolean} whether `version` is `minimum` or newer
 */
export function isAtLeast(version, minimum) {
  const parts = (/** @type {string} */ text) =>
    text.replace(/^v/, "").split("-", 1)[0]?.split(".").map(Number) ?? [];
  const [have, need] = [parts(version), parts(minimum)];
  for (let i = 0; i < 3; i++) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/**
 * Hash of what decides the content of node_modules.
 *
 * @param {string} root
 * @returns {string}
 */
export function lockHash(root) {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

const stampPath = (/** @type {string} */ root) =>
  join(root, "node_modules", ".longwire-lock-sha256");

/**
 * Whether node_modules is the one that the last successful install left for this lockfile.
 *
 * @param {string} root
 * @returns {boolean}
 */
export function isInstalled(root) {
  const stamp = stampPath(root);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === lockHash(root);
}

/**
 * Runs a command with its output on our stderr, so that stdout stays the program's own.
 *
 * @param {string} root
 * @param {string} title - what the command is for, in the error message
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(root, title, command, args) {
  const windows = process.platform === "win32" && command !== process.execPath; // npm is a .cmd there
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], shell: windows });
  if (result.error !== undefined) {
    throw new EnsureError(`${title}: cannot run ${command}: ${result.error.message}`);
  }
  if (result.signal !== null) throw new EnsureError(`${title} was stopped by ${result.signal}`);
  if (result.status !== 0) throw new EnsureError(`${title} failed (exit ${result.status})`);
}

/** @param {string} root */
function install(root) {
  process.stderr.write("longwire: installing dependencies (npm ci)\n");
  // Below `npm start` this is the npm that was called, and needs no shell; yarn and pnpm set it too.
  const caller = process.env["npm_execpath"] ?? "";
  const [command, ...before] =
    basename(caller) === "npm-cli.js" ? [process.execPath, caller] : ["npm"];
  const hash = lockHash(root);
  // --include=dev: NODE_ENV=production or omit=dev in the user's npmrc would leave out the compiler.
  const args = [...before, "ci", "--include=dev", "--no-audit", "--no-fund"];
  run(root, "npm ci", command, args);
  writeFileSync(stampPath(root), hash);
}

/**
 * Brings the tree to the state in which its programs and tests run. Says nothing on stdout.
 *
 * @param {string} root - folder of the root package.json
 * @throws {EnsureError} when Node is too old, or the installation or the compilation fails
 */
export function ensure(root) {
  if (!isAtLeast(process.versions.node, MINIMUM_NODE)) {
    throw new EnsureError(
      `Node ${MINIMUM_NODE} or newer is needed, this is ${process.versions.node} (${process.execPath})`,
    );
  }
  if (!isInstalled(root)) install(root);
  // tsc -b compares its inputs by itself: 0.3 s when nothing has changed.
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  if (!existsSync(tsc)) {
    throw new EnsureError(
      "node_modules lacks the compiler: delete the folder node_modules and run this again",
    );
  }
  run(root, "compilation (tsc -b)", process.execPath, [tsc, "-b", "tsconfig.build.json"]);
}

/**
 * `ensure`, for a program's first line: prints the message alone and exits with 1 when it fails.
 *
 * @param {string} root
 */
export function ensureOrExit(root) {
  try {
    ensure(root);
  } catch (error) {
    if (!(error instanceof EnsureError)) throw error;
    process.stderr.write(`longwire: ${error.message}\n`);
    process.exit(1);
  }
}
