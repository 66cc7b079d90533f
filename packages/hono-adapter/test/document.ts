/** The programs in a document, run as they stand there. */
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The TypeScript blocks of a document, in order; `path` is relative to the package. */
export function programsOf(path: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "..", path), "utf8");
  return Array.from(text.matchAll(/^```ts\n(.*?)^```$/gmsu), ([, program]) => program ?? "");
}

/** Replaces a part that a test cannot take, such as a fixed port. Throws when the document has it no more. */
export function replaced(program: string, part: string, by: string): string {
  if (!program.includes(part)) throw new Error(`the program has no ${JSON.stringify(part)}`);
  return program.replace(part, by);
}

/** Runs a program as a module of this package; resolves with what it exports. */
export async function run(program: string): Promise<Readonly<Record<string, unknown>>> {
  const folder = join(import.meta.dirname, "artifacts"); // neither linted nor in the repository
  const file = join(folder, `${randomUUID()}.ts`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, program);
  try {
    // A module's namespace object.
    return (await import(file)) as Readonly<Record<string, unknown>>;
  } finally {
    rmSync(file);
  }
}
