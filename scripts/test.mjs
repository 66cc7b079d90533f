/** `npm test [-- vitest arguments]`: every project that needs nothing but Node; the browser tests by name only. */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureOrExit } from "./ensure.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
ensureOrExit(root);

const given = process.argv.slice(2);
const chosen = given.some((argument) => /^--project(=|$)/.test(argument));
const projects = chosen ? [] : ["--project=!browser"];
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const child = spawn(process.execPath, [vitest, "run", "--maxWorkers=2", ...projects, ...given], {
  cwd: root,
  stdio: "inherit",
});
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.on(signal, () => child.kill(signal));
}
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal); // dies of what the child died of
});
