/** What a server program is to be: one JSON argument. */

export type Framework = "fastify" | "express" | "koa" | "hono";

export interface ServerSpec {
  /** `echo` sends a message back, `broadcast` to everybody who has the same path. */
  readonly app: "echo" | "broadcast";
  readonly compression: boolean;
  /** How Longwire's handler reads. */
  readonly reading: "forEach" | "forEach, reuseMemory" | "for await";
  /** What Longwire's option `compression` and ws's `perMessageDeflate` are, instead of their defaults. */
  readonly compressionOptions?: Readonly<Record<string, unknown>>;
  /** Of the adapters. */
  readonly framework?: Framework;
  /** Checkout with a built Longwire. */
  readonly longwire: string;
  /** Folder whose `node_modules` has the peers that are not in ours. */
  readonly peers: string;
}

/** Longest message that any workload sends is 1 MiB; what servers may buffer is beyond what any of them does. */
export const MAX_MESSAGE_BYTES: number = 2 * 1024 * 1024;
export const MAX_BUFFERED_BYTES: number = 256 * 1024 * 1024;

export function readSpec(): ServerSpec {
  return JSON.parse(process.argv[2] ?? "{}") as ServerSpec; // our own benchmark's argument
}
