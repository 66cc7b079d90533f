/** `node scripts/run.mjs NAME [args…]`: runs examples/NAME in this very process, so that signals reach it. */
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ensureOrExit } from "./ensure.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Installs and builds when needed, then imports the example's main module with `args` as its own arguments.
 *
 * @param {string} name - folder below examples/
 * @param {readonly string[]} args
 */
export async function runExample(name, args) {
  ensureOrExit(root);
  const main = join(root, "examples", name, "dist", "main.js");
  process.argv = [process.execPath, main, ...args];
  await import(pathToFileURL(main).href);
}

// import.meta.url has its links resolved, argv[1] has not
if (realpathSync(process.argv[1] ?? "") === fileURLToPath(import.meta.url)) {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || !existsSync(join(root, "examples", name, "src", "main.ts"))) {
    const names = readdirSync(join(root, "examples")).join(", ");
    process.stderr.write(`usage: node scripts/run.mjs NAME [args…], NAME being one of ${names}\n`);
    process.exit(2);
  }
  await runExample(name, args);
}
