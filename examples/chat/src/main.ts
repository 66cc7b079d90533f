/** Starts the chat from the command line. */
import { parseArgs } from "node:util";
import { startChat, StartError, type Chat } from "./chat.ts";

const FIRST_PORT = 3001;
const LAST_FIRST_PORT = 65_532; // three more follow
const USAGE = `Usage: npm start -- [--port NUMBER]

  --port NUMBER   first of four ports in a row (default ${FIRST_PORT}, or PORT); 0 takes any four free ones
  --help          this text
`;

/** Asked for on the command line or in the environment. */
function readFirstPort(argv: readonly string[]): number | "help" {
  const { values } = parseArgs({
    args: [...argv],
    options: { port: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) return "help";
  const given = values.port ?? (process.env["PORT"] || String(FIRST_PORT));
  const port = Number(given);
  if (!/^\d+$/.test(given) || port > LAST_FIRST_PORT) {
    throw new RangeError(
      `--port must be a whole number from 0 to ${LAST_FIRST_PORT}, got ${given}`,
    );
  }
  return port;
}

function announce({ page, servers }: Chat): void {
  const rows = servers.map(
    ({ framework, port }) => `  ${framework.padEnd(8)} ws://127.0.0.1:${port}/chat`,
  );
  process.stdout.write(
    `\nThe chat is open: ${page}\n\n${rows.join("\n")}\n\nCtrl+C closes it.\n\n`,
  );
}

function explain(error: unknown): string {
  if (!(error instanceof StartError)) return error instanceof Error ? error.message : String(error);
  const { framework, port, firstPort, cause } = error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code !== "EADDRINUSE") return `${error.message}: ${String(cause)}`;
  const other = firstPort + 1_000 <= LAST_FIRST_PORT ? firstPort + 1_000 : FIRST_PORT;
  return (
    `Port ${port} is taken, so the ${framework} server cannot start.\n` +
    `Choose another first port: npm start -- --port ${other}`
  );
}

async function main(): Promise<void> {
  const firstPort = readFirstPort(process.argv.slice(2));
  if (firstPort === "help") {
    process.stdout.write(USAGE);
    return;
  }
  const chat = await startChat(firstPort, process.stdout);
  announce(chat);
  const stop = (): void => {
    process.removeAllListeners("SIGINT").removeAllListeners("SIGTERM"); // a second signal ends it at once
    process.stdout.write("\nClosing.\n");
    void chat.close().then(() => process.exit(0));
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
});
