/** Starts the example from the command line. */
import { parseArgs } from "node:util";
import { start } from "./server.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });
const server = start(Number(values.port), (url) => process.stdout.write(`listening on ${url}\n`));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => server.close());
