/** The programs in a document, run as they stand there. */
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The blocks of one language in a document, in order. */
export function programsOf(document: URL, language: string = "ts"): readonly string[] {
  const text = readFileSync(document, "utf8");
  const blocks = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gmsu");
  return Array.from(text.matchAll(blocks), ([, program]) => program ?? "");
}

/** Replaces a part that a test cannot take, such as a fixed port. Throws when the document has it no more. */
export function replaced(program: string, part: string, by: string): string {
  if (!program.includes(part)) throw new Error(`the program has no ${JSON.stringify(part)}`);
  return program.replace(part, by);
}

/**
 * Runs a program as a module in a folder of the test's own package, whose dependencies it gets.
 *
 * @param here - `import.meta.url` of the test.
 * @returns What it exports.
 */
export async function runProgram(
  program: string,
  here: string,
): Promise<Readonly<Record<string, unknown>>> {
  const folder = new URL("artifacts/", here); // neither linted nor in the repository
  const file = new URL(`${randomUUID()}.ts`, folder);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, program);
  try {
    // A module's namespace object.
    return (await import(fileURLToPath(file))) as Readonly<Record<string, unknown>>;
  } finally {
    rmSync(file);
  }
}
