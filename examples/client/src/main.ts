/** A WebSocket client for the command line: lines in, messages out. */

import { parseClientArguments, USAGE, UsageError, type ClientArguments } from "./arguments.ts";
import { EXIT, runClient } from "./run-client.ts";
import { Screen } from "./screen.ts";

/** Reads the command line; shows the usage and sets the exit status when it says nothing to do. */
function readArguments(): ClientArguments | undefined {
  try {
    const args = parseClientArguments(process.argv.slice(2));
    if (args !== "help") return args;
    process.stdout.write(USAGE);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    process.exitCode = EXIT.usage;
  }
  return undefined;
}

const args = readArguments();
if (args !== undefined) {
  // A reader that has gone, such as `head`: nobody is left to show anything to.
  process.stdout.on("error", () => process.exit(EXIT.closed));
  process.exitCode = await runClient(args, new Screen(process.stdout, process.stderr, process.env));
}
