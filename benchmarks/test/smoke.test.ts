/** Every workload for a moment, with Longwire and ws: the commands work. No figure is asserted. */

import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildWorkspace } from "@longwire/testkit";
import { beforeAll, describe, expect, it } from "vitest";
import { WORKLOADS } from "../src/workloads.ts";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const run = promisify(execFile);

/** One of each series stands for all of it. */
const ONCE = WORKLOADS.filter(
  ({ id, series }) =>
    series === undefined || WORKLOADS.find((one) => one.series?.id === series.id)?.id === id,
).map(({ id }) => id);

/** Whether the load generator can be compiled. LONGWIRE_REQUIRE_SERVICES=1 makes that a must. */
function canCompile(): boolean {
  const { status } = spawnSync("cc", ["-fsyntax-only", "-x", "c", "-"], {
    input: "#include <sys/epoll.h>\n#include <zlib.h>\n",
  });
  if (status !== 0 && process.env["LONGWIRE_REQUIRE_SERVICES"] === "1") {
    throw new Error("no C compiler for Linux, or no zlib1g-dev");
  }
  return status === 0;
}

function bench(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const quick = ["--rounds", "1", "--seconds", "0.1", "--warm-up", "0.05", "--connections", "64"];
  return run(process.execPath, [MAIN, ...args, ...quick], { cwd: FOLDER });
}

describe.runIf(canCompile())("npm run bench", () => {
  beforeAll(() => buildWorkspace(FOLDER), 120_000);

  it.each(ONCE)("measures %s", { timeout: 60_000 }, async (id) => {
    const subjects = "longwire,ws,longwire-koa,koa-websocket,longwire-level-6";
    const { stdout } = await bench(id, "--subjects", subjects);
    expect(stdout).toMatch(/^\| [^|]*Longwire[^|]* \| +[\d.,]+ \|/mu);
    expect(stdout).not.toContain("NaN");
  });

  it("compares two builds", { timeout: 60_000 }, async () => {
    const checkout = fileURLToPath(new URL("../..", import.meta.url));
    const builds = ["--longwire", `a=${checkout}`, "--longwire", `b=${checkout}`];
    const { stdout } = await bench("echo-64B-1", "--subjects", "longwire,ws", ...builds);
    expect(stdout).toContain("(a)");
    expect(stdout).toContain("(b)");
  });

  it("ends with the name of a workload that there is not", async () => {
    await expect(bench("ecko")).rejects.toMatchObject({ code: 1, stderr: /called ecko/u });
  });
});
