/** What the engine exports, name by name: a change of test/public-api.txt is a change for users. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as engine from "../src/index.ts";

const INDEX = new URL("../src/index.ts", import.meta.url);

/** Names in the `export type { … }` lists, which leave nothing behind at run time. */
function typeNames(): string[] {
  const lists = readFileSync(INDEX, "utf8").matchAll(/export type \{([^}]*)\}/gu);
  return [...lists].flatMap(([, names = ""]) => names.split(",").map((name) => name.trim()));
}

/** Node 20 calls its symbols `nodejs.asyncDispose` where later ones have the standard's. */
function nameOf(key: string | symbol): string {
  return String(key).replace("nodejs.", "Symbol.");
}

/** Public members of a class, own and static; private ones are `#private` and not seen. */
function membersOf(name: string, value: unknown): string[] {
  if (typeof value !== "function" || !/^class\b/u.test(String(value))) return [];
  const prototype: unknown = value.prototype;
  const own = Reflect.ownKeys(prototype as object).filter((key) => key !== "constructor");
  const fixed = Reflect.ownKeys(value).filter(
    (key) => typeof key === "symbol" || !["length", "name", "prototype"].includes(key),
  );
  return [
    ...own.map((key) => `${name}.prototype.${nameOf(key)}`),
    ...fixed.map((key) => `${name}.${nameOf(key)}`),
  ];
}

describe("@longwire/engine", () => {
  it("exports exactly what test/public-api.txt lists", async () => {
    const values = Object.entries(engine);
    const lines = [
      ...values.map(([name, value]) => `${typeof value} ${name}`),
      ...typeNames()
        .filter((name) => name !== "")
        .map((name) => `type ${name}`),
      ...values.flatMap(([name, value]) => membersOf(name, value)),
    ];
    await expect(`${lines.toSorted().join("\n")}\n`).toMatchFileSnapshot("./public-api.txt");
  });

  it("exports each name once", () => {
    const names = [...Object.keys(engine), ...typeNames()];
    expect(names.filter((name, at) => name !== "" && names.indexOf(name) !== at)).toEqual([]);
  });

  it("has no default export and exports by name only", () => {
    expect("default" in engine).toBe(false);
    expect(readFileSync(INDEX, "utf8")).not.toMatch(/export \*/u);
  });
});
