/** How an echo server talks to the benchmark: its port on the first line, then an answer to each line of input. */

import { createInterface } from "node:readline";

function collectGarbage(): void {
  globalThis.gc?.();
}

/** Prints the port, and the memory whenever asked. */
export function report(port: number): void {
  process.stdout.write(`${port}\n`);
  createInterface(process.stdin).on("line", () => {
    collectGarbage();
    setTimeout(() => {
      collectGarbage(); // what finalizers of the first pass have let go
      const { heapUsed, external } = process.memoryUsage();
      process.stdout.write(`${JSON.stringify({ heapUsed, external })}\n`);
    }, 100);
  });
}
