/** Both drivers for the Autobahn test suite: `server --port N` and `client URL`. */

import { runClient } from "./client.ts";
import { runServer } from "./server.ts";

const [side, ...args] = process.argv.slice(2);

if (side === "server") runServer(args);
else if (side === "client") {
  runClient(args).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
} else {
  process.stderr.write(
    `usage: autobahn server --port PORT, or autobahn client URL, got ${JSON.stringify(side)}\n`,
  );
  process.exitCode = 2;
}
