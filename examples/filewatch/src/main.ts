/** The end of a file in the browser: each time it changes, everybody who watches gets its last lines. */

import { createReadStream, watchFile, type Stats, unwatchFile } from "node:fs";
import { open } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { attach, type Conn, PreparedMessage, serveUpgrade, Upgrader } from "@longwire/engine";

// Watchers have nothing to say.
const READ_LIMIT_BYTES = 512;
const TAIL_BYTES = 16_384;
const POLL_MS = 200;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: "8080" },
    host: { type: "string", default: "127.0.0.1" },
  },
});
const [file] = positionals;
const page = new URL("../public/index.html", import.meta.url);
const upgrader = new Upgrader({ readLimit: READ_LIMIT_BYTES });

/** Reads the last bytes, from the beginning of a line. */
async function readTail(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(size - start),
      0,
      size - start,
      start,
    );
    const text = buffer.toString("utf8", 0, bytesRead);
    return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    await handle.close();
  }
}

/** One watcher of the file for all connections; what it reads is prepared once. */
function watch(path: string, conns: Iterable<Conn>): () => void {
  const onChange = (now: Stats, before: Stats): void => {
    if (now.mtimeMs === before.mtimeMs && now.size === before.size) return;
    readTail(path)
      .then((text) => {
        const message = new PreparedMessage(1, text);
        for (const conn of conns) void conn.writePreparedMessage(message);
      })
      .catch((error: unknown) => console.error(error));
  };
  watchFile(path, { interval: POLL_MS }, onChange);
  return () => unwatchFile(path, onChange);
}

function answer(request: IncomingMessage, response: ServerResponse, path: string): void {
  if (request.url !== "/ws") {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    createReadStream(page).pipe(response);
    return;
  }
  // It never reads: the connection stays open after this has returned.
  const handler = async (conn: Conn): Promise<void> => conn.writeMessage(1, await readTail(path));
  serveUpgrade(request, response, { upgrader, handler, onError: console.error }).catch(
    (error: unknown) => {
      console.error(error);
      response.writeHead(500).end();
    },
  );
}

if (file === undefined) {
  process.stderr.write("usage: filewatch [--port 8080] FILE\n");
  process.exitCode = 2;
} else {
  const app = (request: IncomingMessage, response: ServerResponse): void =>
    answer(request, response, file);
  const server = createServer(app);
  const attachment = attach(server, app);
  const unwatch = watch(file, attachment.conns);
  server.once("close", unwatch);
  server.listen(Number(values.port), values.host, () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : values.port;
    process.stdout.write(`listening on http://${values.host}:${port}\n`);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => server.close());
}
