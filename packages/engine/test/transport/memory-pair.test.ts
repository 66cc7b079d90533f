/** The pair in memory behaves like a connection. */
import { describe, expect, it } from "vitest";
import { memoryPair } from "../../src/transport/memory-pair.ts";
import { nextEvent } from "@longwire/testkit";

describe("pair of streams in memory", () => {
  it("carries bytes both ways in order", async () => {
    const [left, right] = memoryPair();
    left.write("one");
    left.end("two");
    right.end("three");
    let forward = "";
    for await (const chunk of right) forward += String(chunk);
    let back = "";
    for await (const chunk of left) back += String(chunk);
    expect([forward, back]).toEqual(["onetwo", "three"]);
  });

  it("holds the writer back while the reader does not read", async () => {
    const [left, right] = memoryPair();
    const chunk = Buffer.alloc(65_536);
    let written = 0;
    while (left.write(chunk)) written++;
    for (let extra = 0; extra < 8; extra++) left.write(chunk);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(left.writableLength).toBeGreaterThan(0);
    const drained = nextEvent(left, "drain");
    right.resume();
    await drained;
    expect(left.writableLength).toBe(0);
    expect(written).toBeLessThan(8);
  });

  it("ends the other side when one side is destroyed", async () => {
    const [left, right] = memoryPair();
    right.resume();
    const ended = nextEvent(right, "end");
    left.destroy();
    await expect(ended).resolves.toEqual([]);
  });

  it("breaks the other side when one side is reset", async () => {
    const [left, right] = memoryPair();
    left.on("error", () => {});
    const failed = nextEvent(right, "error");
    left.destroy(new Error("gone"));
    expect((await failed)[0]).toMatchObject({ message: "read ECONNRESET" });
  });
});
