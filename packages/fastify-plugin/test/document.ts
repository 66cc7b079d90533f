/** The programs in a document, run as they stand there. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The blocks of code in a document, in order; `path` is relative to the package. */
export function programsOf(path: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "..", path), "utf8");
  return Array.from(text.matchAll(/^```[jt]s\n(.*?)^```$/gmsu), ([, program]) => program ?? "");
}

/** Replaces what a test cannot take as it stands. Throws when the document has it no more. */
export function replaced(program: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((text, [part, by]) => {
    if (!text.includes(part)) throw new Error(`the program has no ${JSON.stringify(part)}`);
    return text.replace(part, by);
  }, program);
}

/** Runs a program as a module of this package; resolves with what it exports. */
export async function run<Exports>(program: string): Promise<Exports> {
  const folder = join(import.meta.dirname, "artifacts"); // neither linted nor in the repository
  const file = join(folder, `${randomUUID()}.ts`);
  await mkdir(folder, { recursive: true });
  await writeFile(file, program);
  try {
    return (await import(file)) as Exports; // the test says what it has put in
  } finally {
    await rm(file);
  }
}
