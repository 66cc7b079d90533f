/** Each adapter stays thin: what is longer than 200 lines of code belongs in the engine, once for all four. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const ADAPTERS = ["fastify-plugin", "express-middleware", "koa-middleware", "hono-adapter"];
const MOST_LINES = 200;

/** Lines of the compiled package: its types are gone there, and comments and empty lines do not count. */
function linesOfCode(adapter: string): number {
  const folder = join(ROOT, "packages", adapter);
  const modules = readdirSync(join(folder, "src")).map((name) => name.replace(/\.ts$/u, ".js"));
  const code = modules.map((name) => readFileSync(join(folder, "dist", name), "utf8")).join("\n");
  const lines = code.replaceAll(/\/\*[\s\S]*?\*\//gu, "").split("\n");
  return lines.filter((line) => !/^\s*(?:\/\/.*)?$/u.test(line)).length;
}

describe("the code of an adapter", () => {
  beforeAll(() => {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const projects = ADAPTERS.map((name) => join(ROOT, "packages", name, "tsconfig.build.json"));
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-b", ...projects], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`the adapters do not compile:\n${stdout}`);
  }, 120_000);

  it.each(ADAPTERS)(`has at most ${MOST_LINES} lines: %s`, (adapter) => {
    const lines = linesOfCode(adapter);
    expect(lines).toBeGreaterThan(50);
    expect(lines).toBeLessThanOrEqual(MOST_LINES);
  });
});
