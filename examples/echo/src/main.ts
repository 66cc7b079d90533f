/** The echo server behind benchmarks and conformance runs: one program, five frameworks. */
import { parseEchoArguments, USAGE, UsageError, type Framework } from "./arguments.ts";
import type { EchoOptions, EchoServer } from "./echo-server.ts";

/** A peer that answers nothing may hold the drain for 5 s; the process is gone within 6. */
const EXIT_AT_THE_LATEST_MS = 5_400;

/** Each loads its framework alone: a benchmark shall not carry the other four. */
const STARTS: Readonly<Record<Framework, (options: EchoOptions) => Promise<EchoServer>>> = {
  engine: async (options) => (await import("./engine.ts")).startEngine(options),
  fastify: async (options) => (await import("./fastify.ts")).startFastify(options),
  express: async (options) => (await import("./express.ts")).startExpress(options),
  koa: async (options) => (await import("./koa.ts")).startKoa(options),
  hono: async (options) => (await import("./hono.ts")).startHono(options),
};

function stop(server: EchoServer): void {
  setTimeout(() => process.exit(0), EXIT_AT_THE_LATEST_MS);
  server.close().then(
    () => process.exit(0),
    (error: unknown) => {
      fail(error, 1);
    },
  );
}

function fail(error: unknown, status: number): never {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`echo: ${message}\n`);
  if (error instanceof UsageError) process.stderr.write(`${USAGE}\n`);
  process.exit(status);
}

async function main(argv: readonly string[]): Promise<void> {
  const { framework, host, port, readLimit, compression } = parseEchoArguments(argv);
  const server = await STARTS[framework]({ host, port, upgrade: { readLimit, compression } });
  const shownHost = host.includes(":") ? `[${host}]` : host;
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stopping) return; // Ctrl-C comes twice below npm: from the terminal, and passed on
      stopping = true;
      stop(server);
    });
  }
  process.stdout.write(`listening on ws://${shownHost}:${server.port}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  fail(error, error instanceof UsageError ? 2 : 1);
});
