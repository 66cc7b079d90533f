/** Asserts that work repeated many times leaves no memory behind. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Runs a full garbage collection, switched on at run time so that no command-line flag is needed. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("this V8 does not expose its collector");
  collect();
}

/** Bytes that the process holds on to. `external` already includes the array buffers. */
export interface Retained {
  readonly heap: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly total: number;
}

/** Measures what is retained after garbage collection. */
export async function retainedMemory(): Promise<Retained> {
  // Twice, with a turn between: finalizers of the first pass release what the second one counts.
  collectGarbage();
  await new Promise<void>((resolve) => setImmediate(resolve));
  collectGarbage();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, external, arrayBuffers, total: heapUsed + external };
}

export interface FlatMemoryOptions {
  /** How often the work is repeated between two measurements. */
  readonly rounds: number;
  /** Repetitions before the first measurement, which fill caches and compile code. @default 20 % of `rounds`, at least 1 */
  readonly warmUpRounds?: number;
  /** Growth that is allowed over all rounds, in bytes. @default 1_048_576 (1 MiB) */
  readonly maxGrowthBytes?: number;
}

/**
 * How often growth must be seen, one measurement after the other. What is kept of each round makes memory grow every
 * time; what V8 compiles, or compiles anew after it let unused code go, does so once.
 */
const SIGHTINGS = 3;

/**
 * Repeats `round` and asserts that what is retained afterwards has not grown: that of three measurements in a row, each
 * over all rounds, at least one finds no more growth than is allowed.
 *
 * @throws Error with the last two measurements when all three find more.
 */
export async function expectFlatMemory(
  round: (index: number) => void | Promise<void>,
  o: FlatMemoryOptions,
): Promise<void> {
  const warmUpRounds = o.warmUpRounds ?? Math.max(1, Math.ceil(o.rounds / 5));
  const maxGrowthBytes = o.maxGrowthBytes ?? 1_048_576;
  for (let index = 0; index < warmUpRounds; index++) await round(index);
  let rounds = warmUpRounds;
  let growth = "";
  let before = await retainedMemory();
  for (let sighting = 0; sighting < SIGHTINGS; sighting++) {
    for (let index = 0; index < o.rounds; index++) await round(rounds++);
    const after = await retainedMemory();
    const bytes = after.total - before.total;
    if (bytes <= maxGrowthBytes) return;
    growth = `${bytes} bytes over ${o.rounds} rounds, at most ${maxGrowthBytes} were allowed; before: ${describe(before)}; after: ${describe(after)}`;
    before = after;
  }
  throw new Error(`memory grew by ${growth}`);
}

function describe({ heap, external, arrayBuffers }: Retained): string {
  return `heap ${heap}, external ${external} (array buffers ${arrayBuffers})`;
}
