import { describe, expect, it } from "vitest";
import { loadArguments } from "../src/load.ts";
import { forBuilds, LONGWIRE, WS } from "../src/subjects.ts";
import { chosen, text, WORKLOADS } from "../src/workloads.ts";

describe("workloads", () => {
  it("have names of their own, also as files", () => {
    const ids = WORKLOADS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[\w-]+$/u.test(id))).toEqual([]);
  });

  it("are chosen by name, group or series", () => {
    expect(chosen(["handshakes"]).map(({ id }) => id)).toEqual(["handshakes"]);
    expect(chosen(["echo"]).length).toBe(5);
    expect(chosen(["codec-mask"]).every(({ series }) => series?.id === "codec-mask")).toBe(true);
    expect(chosen([])).toEqual(WORKLOADS);
    expect(() => chosen(["ecko"])).toThrow("no workload or group is called ecko");
  });

  it("send messages of the size that they name, one a line", () => {
    for (const bytes of [16, 64, 1024, 1_048_576]) {
      expect(Buffer.byteLength(text(bytes))).toBe(bytes);
      expect(text(bytes)).not.toContain("\n");
    }
  });
});

describe("command line of the load generator", () => {
  it("has what the workload says", () => {
    const load = { mode: "broadcast", messages: ["x"], connections: 8, senders: 2 } as const;
    expect(loadArguments(load, { port: 80, pid: 7 }, "file").join(" ")).toBe(
      "broadcast --port 80 --pid 7 --messages file --connections 8 --depth 1 --senders 2",
    );
  });
});

describe("builds", () => {
  it("are measured side by side, each peer once", () => {
    const builds = [
      { label: "a", checkout: "/a" },
      { label: "b", checkout: "/b" },
    ];
    const subjects = forBuilds([LONGWIRE, WS], builds);
    expect(subjects.map(({ id, spec }) => [id, spec?.longwire])).toEqual([
      ["longwire@a", "/a"],
      ["longwire@b", "/b"],
      ["ws", undefined],
    ]);
  });

  it("keep the subject's name when there is one", () => {
    const [subject] = forBuilds([LONGWIRE], [{ label: "a", checkout: "/a" }]);
    expect([subject?.id, subject?.label]).toEqual([LONGWIRE.id, LONGWIRE.label]);
  });
});
