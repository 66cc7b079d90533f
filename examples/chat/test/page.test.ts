/** The parts of the page that need no browser: clock comparison, back-off, colouring. */
import { describe, expect, it } from "vitest";
import { backoff } from "../public/backoff.js";
import { inWords, ServerClock } from "../public/clock.js";
import { tokens } from "../public/highlight.js";

describe("server clock", () => {
  it("knows nothing before the first exchange", () => {
    expect(new ServerClock().since(5, 10)).toBeUndefined();
    expect(new ServerClock().error).toBeUndefined();
  });

  it("takes the server's stamp for the middle of the round trip", () => {
    const clock = new ServerClock();
    clock.compare(1_000, 501, 1_002); // server time 501 was 1001 here
    expect(clock.since(501, 1_004)).toEqual({ elapsed: 3, error: 1 });
  });

  it("trusts the fastest exchange of those it keeps", () => {
    const clock = new ServerClock();
    clock.compare(1_000, 501, 1_002);
    clock.compare(2_000, 1_590, 2_100); // slow on the way out: 1590 was 2091 here, the middle says 2050
    expect(clock.since(601, 1_102)?.elapsed).toBe(1);
    expect(clock.error).toBe(1);
  });

  it("forgets old exchanges, since clocks drift", () => {
    const clock = new ServerClock();
    clock.compare(1_000, 501, 1_002);
    for (let i = 0; i < 8; i++) clock.compare(5_000, 4_600, 5_010);
    expect(clock.error).toBe(5);
  });

  it("never reports a time before zero", () => {
    const clock = new ServerClock();
    clock.compare(0, 10, 4);
    expect(clock.since(10, 1)?.elapsed).toBe(0);
  });

  it.each([
    [0.3, 0.2, "under 1 ms"],
    [0.3, 4, "about 1 ms"],
    [1.6, 0.4, "2 ms"],
    [24.2, 20, "about 24 ms"],
    [240.4, 20, "240 ms"],
  ])("says %d ms, off by %d, as %s", (elapsed, error, words) => {
    expect(inWords({ elapsed, error })).toBe(words);
  });
});

describe("back-off", () => {
  it("doubles its ceiling up to ten seconds", () => {
    const longest = [0, 1, 2, 3, 4, 5, 6, 60].map((failures) => backoff(failures, () => 1));
    expect(longest).toEqual([400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
  });

  it("uses the whole range below the ceiling", () => {
    expect(backoff(3, () => 0)).toBe(0);
    expect(backoff(3, () => 0.5)).toBe(1_600);
  });
});

describe("colouring", () => {
  const source = `/** A "quoted" comment. */
import { a } from "b"; // const
export const start = async (n: Place) => { const x = new Map(); return call(401, \`t\`, 'u'); };
`;

  it("loses no character", () => {
    expect(
      tokens(source)
        .map(([, text]) => text)
        .join(""),
    ).toBe(source);
  });

  it.each([
    ["comment", ['/** A "quoted" comment. */', "// const"]],
    ["string", ['"b"', "`t`", "'u'"]],
    ["keyword", ["import", "from", "export", "const", "async", "const", "new", "return"]],
    ["call", ["Map", "call"]],
    ["name", ["Place"]],
    ["number", ["401"]],
  ])("finds every %s", (wanted, found) => {
    expect(tokens(source).flatMap(([kind, text]) => (kind === wanted ? [text] : []))).toEqual(
      found,
    );
  });
});
