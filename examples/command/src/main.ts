/** A program over a socket: what is sent goes to its standard input, a line each; what it prints comes back. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { attach, type Conn, serveUpgrade, Upgrader } from "@longwire/engine";

// A line that somebody types is short.
const READ_LIMIT_BYTES = 8192;

// Options of our own, each with a value; what follows the program's name is the program's.
const OPTIONS: ReadonlySet<string> = new Set(["--port", "--host"]);

const args = process.argv.slice(2);
const programAt = args.findIndex(
  (arg, at) => !arg.startsWith("--") && !OPTIONS.has(args[at - 1] ?? ""),
);
const ownArgs = programAt < 0 ? args : args.slice(0, programAt);
const { values } = parseArgs({
  args: ownArgs,
  options: {
    port: { type: "string", default: "8080" },
    host: { type: "string", default: "127.0.0.1" },
  },
});
const [program, ...programArgs] = programAt < 0 ? [] : args.slice(programAt);
const page = new URL("../public/index.html", import.meta.url);
const upgrader = new Upgrader({ readLimit: READ_LIMIT_BYTES });

/** Runs the program for as long as the connection lasts, and the connection for as long as the program. */
async function runProgram(conn: Conn, command: string): Promise<void> {
  const child = spawn(command, programArgs, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  child.stdin.on("error", () => {}); // it may end before all its input is written
  conn.signal.addEventListener("abort", () => child.kill());
  const input = conn.forEach((message) => {
    child.stdin.write(`${message.text()}\n`);
  });
  for await (const line of createInterface(child.stdout)) await conn.writeMessage(1, line);
  const [code] = (await exited) as [number | null];
  await conn.close(1000, `${command} exited with ${code ?? "a signal"}`);
  await input;
}

function answer(request: IncomingMessage, response: ServerResponse, command: string): void {
  if (request.url !== "/ws") {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    createReadStream(page).pipe(response);
    return;
  }
  const handler = (conn: Conn): Promise<void> => runProgram(conn, command);
  serveUpgrade(request, response, { upgrader, handler, onError: console.error }).catch(
    (error: unknown) => {
      console.error(error);
      response.writeHead(500).end();
    },
  );
}

if (program === undefined) {
  process.stderr.write(
    "usage: command [--port 8080] PROGRAM [ARGUMENT…], such as: command bc -l\n",
  );
  process.exitCode = 2;
} else {
  const app = (request: IncomingMessage, response: ServerResponse): void =>
    answer(request, response, program);
  const server = createServer(app);
  attach(server, app);
  server.listen(Number(values.port), values.host, () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : values.port;
    process.stdout.write(`listening on http://${values.host}:${port}\n`);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => server.close());
}
