import { describe, expect, it } from "vitest";
import { selfTimes } from "../src/profile.ts";

const node = (id: number, functionName: string, url = "") => ({
  id,
  callFrame: { functionName, url, lineNumber: 41 },
});

describe("profile", () => {
  it("adds the time of a function's samples, without the waiting", () => {
    const times = selfTimes({
      nodes: [
        node(1, "(idle)"),
        node(2, "push", "file:///x/packages/engine/dist/framing/frame-parser.js"),
        node(3, "(garbage collector)"),
        node(4, "push", "file:///x/packages/engine/dist/framing/frame-parser.js"), // called from elsewhere
      ],
      samples: [1, 2, 3, 4, 1],
      timeDeltas: [1000, 50, 40, 110, 1000],
    });
    expect(times).toEqual([
      { name: "push framing/frame-parser.js:42", share: 0.8 },
      { name: "(garbage collector)", share: 0.2 },
    ]);
  });
});
