/** The built files as a browser gets them. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { buildWorkspace } from "@longwire/testkit";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";

const PACKAGE = join(import.meta.dirname, "..");
const TSC = join(PACKAGE, "../../node_modules/typescript/bin/tsc");

beforeAll(() => buildWorkspace(PACKAGE), 120_000);

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

  it("is typed for a page that knows nothing of Node", () => {
    const folder = join(PACKAGE, "test/artifacts/page");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "page.ts"), PAGE);
    const compilerOptions = {
      noEmit: true,
      strict: true,
      target: "es2022",
      lib: ["es2022", "dom"],
      module: "esnext",
      moduleResolution: "bundler",
      types: [],
      skipLibCheck: true, // as in the templates of every bundler
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    const { stdout, status } = spawnSync(process.execPath, [TSC, "-p", folder], {
      encoding: "utf8",
    });
    rmSync(folder, { recursive: true });
    expect(stdout).toBe("");
    expect(status).toBe(0);
  });
});

const PAGE = `
import { connect, type Messages } from "@longwire/client";
import { z } from "zod";

const chat = {
  incoming: z.object({ text: z.string() }),
  outgoing: z.object({ at: z.date() }),
} satisfies Messages;

const conn = connect<typeof chat>("/chat");
conn.send({ text: "hello" });
for await (const { at } of conn) document.title = at.toUpperCase();
// @ts-expect-error -- a misspelt key
conn.send({ txt: "hello" });
// @ts-expect-error -- a date is a string here
for await (const { at } of conn) at.getTime();
export {};
`;
