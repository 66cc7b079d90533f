/** Memory for received messages comes with garbage, so that young collections come in time. */
import { PerformanceObserver, constants } from "node:perf_hooks";
import type { NodeGCPerformanceDetail, PerformanceEntry } from "node:perf_hooks";
import { deferred, within } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { allocateMessage, allocateStore } from "../../src/framing/message-memory.ts";

const MIB = 1_048_576;

interface GarbageCollection extends PerformanceEntry {
  readonly detail: NodeGCPerformanceDetail;
}

describe("memory of a message", () => {
  it("is of the length asked for, one by one", () => {
    const [message, store] = [allocateMessage(1000), allocateStore(70_000)];
    expect(message.buffer.byteLength).toBe(1000);
    expect(store.buffer.byteLength).toBe(70_000);
  });

  it("is collected with the young objects once in 16 MiB, however much room they have", async () => {
    let young = 0;
    const seen = deferred();
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { kind } = (entry as GarbageCollection).detail; // the types leave it out
        // One of everything takes the place of one of the young objects.
        const counts =
          kind === constants.NODE_PERFORMANCE_GC_MINOR ||
          kind === constants.NODE_PERFORMANCE_GC_MAJOR;
        if (counts && ++young === 20) seen.resolve();
      }
    });
    observer.observe({ entryTypes: ["gc"] });
    // Two more: what a fill leaves free is filled by the next allocations, and the last collection comes with those.
    for (let count = 0; count < 17 * 22; count++) allocateStore(MIB);
    await within(seen.promise, () => `20 young collections, there were ${young}`);
    observer.disconnect();
    expect(young).toBeGreaterThanOrEqual(20);
  });
});
