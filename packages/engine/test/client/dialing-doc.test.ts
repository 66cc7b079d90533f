/** docs/dialing.md has a row for every option of a Dialer and of `reconnecting`, and no other. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

/** The fields of an interface, by its text. */
function fieldsOf(path: string, name: string): string[] {
  const body =
    new RegExp(`interface ${name}\\b.*?\\{\\n(.*?)\\n\\}`, "su").exec(read(path))?.[1] ?? "";
  return [...body.matchAll(/^ {2}readonly (\w+)\?:/gmu)].map(([, field]) => field!);
}

const page = read("../../docs/dialing.md");

describe("docs/dialing.md", () => {
  it("lists the options of a Dialer", () => {
    const [, table = ""] = page.split("\n## Options\n");
    const rows = [...(table.split("\n## ")[0] ?? "").matchAll(/^\| `(\w+)` /gmu)];
    const options = [
      ...fieldsOf("src/opening-handshake/client-offer.ts", "ClientOfferOptions"),
      ...fieldsOf("src/client/dial-options.ts", "DialerOptions"),
    ];
    expect(rows.map(([, name]) => name!).toSorted()).toEqual(options.toSorted());
    expect(options).toHaveLength(14);
  });

  it("names the options of one dial and of reconnecting", () => {
    const names = [
      ...fieldsOf("src/client/dial-options.ts", "DialOptions"),
      ...fieldsOf("src/client/reconnecting.ts", "ReconnectOptions"),
      ...fieldsOf("src/client/back-off.ts", "BackOffOptions"),
    ];
    expect(names.length).toBeGreaterThan(9);
    for (const name of names) expect(page).toMatch(new RegExp(`\\b${name}\\b`, "u"));
  });
});
