/**
 * `npm run lock`: gives package-lock.json the platform binaries that npm left out. npm drops an optional
 * dependency whose registry entry it cannot fetch, and `npm ci` then refuses the lockfile, on every platform.
 */
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * @typedef {{ version?: string, cpu?: string[], os?: string[], libc?: string[], dev?: boolean, license?: string,
 *   optional?: boolean, engines?: unknown, optionalDependencies?: Record<string, string> }} LockEntry
 * @typedef {{ packages: Record<string, LockEntry> }} Lockfile
 */

const CPUS = ["arm64", "x64", "arm", "ia32", "ppc64", "riscv64", "s390x", "loong64", "mips64el"];
const OPERATING_SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];

/**
 * Reads cpu, os and libc from a binary's name: "@oxlint/binding-linux-arm64-musl", "@turbo/windows-64".
 *
 * @param {string} name
 * @returns {{ cpu: string[], os: string[], libc?: string[] } | undefined} undefined when the name tells no platform
 */
export function platformOf(name) {
  const words = name.replace("windows", "win32").split(/[/-]/);
  const os = OPERATING_SYSTEMS.find((known) => words.includes(known));
  const cpu =
    CPUS.find((known) => words.includes(known)) ?? (words.includes("64") ? "x64" : undefined);
  if (os === undefined || cpu === undefined) return undefined;
  const libc = words.some((word) => word.startsWith("musl"))
    ? { libc: ["musl"] }
    : words.some((word) => word.startsWith("gnu")) && os === "linux"
      ? { libc: ["glibc"] }
      : {};
  return { cpu: [cpu], os: [os], ...libc };
}

/**
 * Adds the missing platform entries to `lock`, without integrity: npm adds that where it installs them.
 *
 * @param {Lockfile} lock
 * @returns {string[]} the names that were added
 */
export function completeLockfile(lock) {
  const added = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const platform = platformOf(name);
      const own = `${path}/node_modules/${name}`;
      const hoisted = `node_modules/${name}`;
      const exact = /^\d+\.\d+\.\d+$/.test(version);
      if (platform === undefined || !exact || hoisted in lock.packages || own in lock.packages) {
        continue;
      }
      lock.packages[hoisted] = {
        version,
        cpu: platform.cpu,
        ...(entry.dev === true ? { dev: true } : {}),
        ...(platform.libc === undefined ? {} : { libc: platform.libc }),
        optional: true,
        os: platform.os,
      };
      added.push(`${name}@${version}`);
    }
  }
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, "en")),
  );
  return added;
}

const self = fileURLToPath(import.meta.url);
if (realpathSync(process.argv[1] ?? "") === self) {
  const file = join(dirname(dirname(self)), "package-lock.json");
  const lock = /** @type {Lockfile} */ (JSON.parse(readFileSync(file, "utf8")));
  const added = completeLockfile(lock);
  if (added.length > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(added.length === 0 ? "package-lock.json is complete" : `added ${added.join(", ")}`);
}
