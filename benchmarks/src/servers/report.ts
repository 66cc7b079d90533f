/**
 * How a server talks to the benchmark: its port on the first line, then what it holds in memory for each line of input,
 * until the line is `end`.
 */

import { createInterface } from "node:readline";
import type { AddressInfo, Server } from "node:net";

function collectGarbage(): void {
  globalThis.gc?.();
}

/** Prints the port, and the memory whenever asked. */
export function report(port: number, collect: () => void = collectGarbage): void {
  process.stdout.write(`${port}\n`);
  createInterface(process.stdin).on("line", (line) => {
    if (line === "end") process.exit();
    collect();
    setTimeout(() => {
      collect(); // what finalizers of the first pass have let go
      const { heapUsed, external } = process.memoryUsage();
      process.stdout.write(`${JSON.stringify({ heapUsed, external })}\n`);
    }, 100);
  });
}

/** Reports a server that listens. */
export function reportAddress(server: Pick<Server, "address">): void {
  report((server.address() as AddressInfo).port); // of a TCP server
}

/** Listens on a free port of 127.0.0.1 and reports. */
export function listenAndReport(server: Server): void {
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => reportAddress(server));
}

/** Ends the process when a server cannot be made: the benchmark sees it, and the reason on stderr. */
export function run(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
}
