/** Both drivers for the Autobahn test suite: `server --port N` and `client URL`. */

import { runServer } from "./server.ts";

const [side, ...args] = process.argv.slice(2);

if (side === "server") runServer(args);
else {
  process.stderr.write(`usage: autobahn server --port PORT, got ${JSON.stringify(side)}\n`);
  process.exitCode = 2;
}
