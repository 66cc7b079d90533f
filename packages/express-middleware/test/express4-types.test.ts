/** The package's types beside those of Express 4. */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc");
const project = join(import.meta.dirname, "express4-types");

describe("@types/express 4", () => {
  it("compiles an app with both forms, typed parameters and connect()", async () => {
    const run = promisify(execFile)(process.execPath, [tsc, "-p", project, "--listFiles"]);
    const { stdout } = await run.catch((error: unknown) => error as { stdout: string }); // tsc writes there
    const lines = stdout.split("\n");
    expect(lines.filter((line) => line.includes("error TS"))).toEqual([]);
    expect(lines.filter((line) => line.endsWith("/@types/express4/index.d.ts"))).toHaveLength(1);
    expect(lines.filter((line) => line.endsWith("/@types/express/index.d.ts"))).toEqual([]);
  });
});
