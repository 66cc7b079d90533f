/** The built files as a browser gets them. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";

const PACKAGE = join(import.meta.dirname, "..");
const TSC = join(PACKAGE, "../../node_modules/typescript/bin/tsc");

beforeAll(() => {
  // Next to nothing when it has been built already.
  const { status, stdout } = spawnSync(process.execPath, [TSC, "-b", "tsconfig.build.json"], {
    cwd: PACKAGE,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the client does not compile:\n${stdout}`);
}, 120_000);

/** Bundles what `names` need of the built client. */
async function bundle(
  names: string,
): Promise<{ code: string; imports: string[]; files: string[] }> {
  const entry = `export ${names} from ${JSON.stringify(join(PACKAGE, "dist/index.js"))};`;
  const built = await rolldown({
    input: "entry",
    platform: "browser",
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === "entry" ? id : undefined),
        load: (id) => (id === "entry" ? entry : undefined),
      },
    ],
  });
  try {
    const { output } = await built.generate({ minify: true });
    const [chunk] = output;
    return { code: chunk.code, imports: [...chunk.imports], files: Object.keys(chunk.modules) };
  } finally {
    await built.close();
  }
}

describe("the built client", () => {
  it("imports its own files and nothing else", () => {
    const files = readdirSync(join(PACKAGE, "dist")).filter((name) => name.endsWith(".js"));
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const code = readFileSync(join(PACKAGE, "dist", file), "utf8");
      const imported = [...code.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/gu)].map(
        ([, name]) => name,
      );
      for (const name of imported) expect(name).toMatch(/^\.\/[a-z-]+\.js$/);
      expect(code).not.toMatch(/\b(?:require|process|Buffer)\b/u);
    }
  });

  it("is tiny", async () => {
    const connect = await bundle("{ connect }");
    expect(connect.imports).toEqual([]);
    expect(connect.code.length).toBeLessThan(4_800);
    expect(gzipSync(connect.code).length).toBeLessThan(2_200);
    expect(connect.files.filter((file) => file.includes("reconnect"))).toEqual([]);
    const all = await bundle("*");
    expect(all.imports).toEqual([]);
    expect(gzipSync(all.code).length).toBeLessThan(2_600);
  });
});
