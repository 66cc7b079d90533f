/** The echo server that Autobahn's fuzzing client tests: each path echoes by another part of the API. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import {
  attach,
  type Conn,
  PreparedMessage,
  serveUpgrade,
  Upgrader,
  type UpgraderOptions,
} from "@longwire/engine";

// The largest message of the suite has 16 MiB.
const READ_LIMIT_BYTES = 64 * 1024 * 1024;

type Echo = (conn: Conn) => Promise<void>;

const ECHOES: ReadonlyMap<string, Echo> = new Map<string, Echo>([
  ["/m", echoMessages],
  ["/r", echoPieces],
  ["/e", echoEach],
  ["/u", echoReusing],
  ["/p", echoPrepared],
]);

/** `/m`: a whole message at a time. */
async function echoMessages(conn: Conn): Promise<void> {
  for (;;) {
    const { type, data } = await conn.readMessage();
    await conn.writeMessage(type, data);
  }
}

/** `/r`: pieces go out as they come in, however long the message. */
async function echoPieces(conn: Conn): Promise<void> {
  for (;;) {
    const reader = await conn.nextReader();
    const writer = await conn.nextWriter(reader.type);
    for await (const piece of reader) await writer.write(piece);
    await writer.close();
  }
}

/** `/e`: called back for each message. */
async function echoEach(conn: Conn): Promise<void> {
  await conn.forEach(({ type, data }) => conn.writeMessage(type, data));
}

/** `/u`: the same, without a copy: a message is valid until the callback returns, and what is written goes out whole. */
async function echoReusing(conn: Conn): Promise<void> {
  await conn.forEach(({ type, data }) => conn.writeMessage(type, data), { reuseMemory: true });
}

/** `/p`: each message prepared, as for many connections. */
async function echoPrepared(conn: Conn): Promise<void> {
  for await (const { type, data } of conn) {
    await conn.writePreparedMessage(new PreparedMessage(type, data));
  }
}

/** Serves until the process ends; prints the URL when it listens. */
export function runServer(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: "string", default: "9001" },
      host: { type: "string", default: "127.0.0.1" },
    },
  });
  const options: UpgraderOptions = {
    readLimit: READ_LIMIT_BYTES,
    compression: true,
    heartbeat: false,
  };
  const upgrader = new Upgrader(options);
  const app = (request: IncomingMessage, response: ServerResponse): void => {
    const echo = ECHOES.get(new URL(request.url ?? "/", "ws://localhost").pathname);
    if (echo === undefined) {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("paths: /m /r /e /u /p\n");
      return;
    }
    serveUpgrade(request, response, { upgrader, handler: echo, onError: console.error }).catch(
      (error: unknown) => {
        console.error(error);
        response.writeHead(500).end();
      },
    );
  };
  const server = createServer(app);
  attach(server, app);
  server.listen(Number(values.port), values.host, () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : values.port;
    process.stdout.write(`listening on ws://${values.host}:${port}\n`);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => server.close());
}
