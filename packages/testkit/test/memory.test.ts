/** Flat memory is told from growing memory. */
import { describe, expect, it } from "vitest";
import { expectFlatMemory } from "../src/memory.ts";

describe("flat memory", () => {
  it("passes when every round lets go of what it took", async () => {
    let sum = 0;
    await expectFlatMemory(
      () => {
        sum += Buffer.alloc(65_536).length + Array.from({ length: 1000 }, () => ({})).length;
      },
      { rounds: 200 },
    );
    expect(sum).toBeGreaterThan(0);
  });

  it("fails when buffers are kept, and says by how much", async () => {
    const kept: Buffer[] = [];
    const growing = expectFlatMemory(
      () => {
        kept.push(Buffer.alloc(65_536));
      },
      { rounds: 100 },
    );
    await expect(growing).rejects.toThrow(/memory grew by [67]\d{6} bytes over 100 rounds/u);
    expect(kept).toHaveLength(20 + 3 * 100);
  });

  it("fails when objects on the heap are kept", async () => {
    const kept: unknown[] = [];
    const growing = expectFlatMemory(
      () => {
        kept.push(Array.from({ length: 4000 }, () => ({})));
      },
      { rounds: 50 },
    );
    await expect(growing).rejects.toThrow(/memory grew/u);
    expect(kept).toHaveLength(10 + 3 * 50);
  });

  it("passes when something is kept once", async () => {
    const kept: Buffer[] = [];
    let round = 0;
    await expectFlatMemory(
      () => {
        if (round++ < 150) kept.push(Buffer.alloc(65_536));
      },
      { rounds: 100 },
    );
    expect(kept).toHaveLength(150);
    expect(round).toBe(20 + 3 * 100);
  });
});
