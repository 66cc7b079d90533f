/** docs/rfc-coverage.md names files that exist, and tests that stand in them. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const PAGE = new URL("../../../docs/rfc-coverage.md", import.meta.url);
const SOURCE = new URL("../src/", import.meta.url);
const TESTS = new URL("./", import.meta.url);

interface Row {
  readonly rule: string;
  readonly sources: readonly string[];
  readonly tests: ReadonlyArray<{ readonly file: string; readonly title: string }>;
}

/** The rows of all tables with three columns: rule, obeyed in, tested by. */
function rows(page: string): Row[] {
  return page
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split(/(?<!\\)\|/u).map((cell) => cell.trim()))
    .filter((cells) => cells.length === 5 && !/^(?:rule|-+)$/u.test(cells[1] ?? ""))
    .map(([, rule = "", obeyed = "", tested = ""]) => ({
      rule,
      sources: [...obeyed.matchAll(/`([^`]+)`/gu)].map(([, file = ""]) => file),
      tests: [...tested.matchAll(/`([^`]+\.test\.ts)`: (.+?)(?=; `[^`]+\.test\.ts`|$)/gu)].map(
        ([, file = "", title = ""]) => ({ file, title }),
      ),
    }));
}

/** The strings of a test file, as they are written there. */
function stringsOf(file: string): Set<string> {
  const text = readFileSync(new URL(file, TESTS), "utf8");
  return new Set([...text.matchAll(/"((?:[^"\\\n]|\\.)*)"/gu)].map(([, value = ""]) => value));
}

describe("docs/rfc-coverage.md", () => {
  const page = readFileSync(PAGE, "utf8");
  const all = rows(page);

  it("has rows for every section from 4 to 8", () => {
    const sections = [...page.matchAll(/^## §(\d)/gmu)].map(([, number]) => number);
    expect([...new Set(sections)]).toEqual(["4", "5", "6", "7", "8"]);
    expect(all.length).toBeGreaterThan(80);
  });

  it("names a source and a test in each row", () => {
    const bare = all.filter(({ sources, tests }) => sources.length === 0 || tests.length === 0);
    expect(bare.map(({ rule }) => rule)).toEqual([]);
  });

  it("names sources that exist", () => {
    const files = new Set(all.flatMap(({ sources }) => sources));
    expect([...files].filter((file) => !existsSync(new URL(file, SOURCE)))).toEqual([]);
  });

  it("names tests that exist, by their titles or the names of their cases", () => {
    const named = all.flatMap(({ tests }) => tests);
    const strings = new Map<string, Set<string>>();
    const missing = named.filter(({ file, title }) => {
      if (!existsSync(new URL(file, TESTS))) return true;
      const known = strings.get(file) ?? stringsOf(file);
      strings.set(file, known);
      return !known.has(title);
    });
    expect(missing).toEqual([]);
  });
});
