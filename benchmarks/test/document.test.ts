import { describe, expect, it } from "vitest";
import { blocksOf, fillBlocks } from "../src/document.ts";

const DOCUMENT = `# Performance

By hand.

<!-- bench:one -->
old
<!-- /bench -->

Also by hand: $& and $1.

<!-- bench:two -->
<!-- /bench -->
`;

describe("document", () => {
  it("names its blocks", () => {
    expect(blocksOf(DOCUMENT)).toEqual(["one", "two"]);
  });

  it("keeps everything outside of them", () => {
    const filled = fillBlocks(DOCUMENT, (id) => `new ${id} with $1`);
    expect(filled).toContain("By hand.");
    expect(filled).toContain("Also by hand: $& and $1.");
    expect(filled).toContain("<!-- bench:one -->\n\nnew one with $1\n\n<!-- /bench -->");
    expect(filled).not.toContain("old");
  });

  it("is the same when it is filled again", () => {
    const filled = fillBlocks(DOCUMENT, () => "new");
    expect(fillBlocks(filled, () => "new")).toBe(filled);
  });

  it("leaves a block without content as it is", () => {
    expect(fillBlocks(DOCUMENT, () => undefined)).toBe(DOCUMENT);
  });
});
