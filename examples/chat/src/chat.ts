/** Four servers in one process around one room. */
import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import type { FastifyInstance } from "fastify";
import { accessLog, type Output } from "./access-log.ts";
import { startExpress } from "./express.ts";
import { startFastify } from "./fastify.ts";
import { startHono } from "./hono.ts";
import { startKoa } from "./koa.ts";
import { FRAMEWORKS, type Framework } from "./messages.ts";
import type { RunningServer, Start } from "./place.ts";
import { Room } from "./room.ts";
import { SUBPROTOCOL } from "./token.ts";

const HOST = "127.0.0.1"; // this machine only
const READ_LIMIT = 4_096; // bytes: a message of 500 characters and its JSON

const STARTS: Readonly<Record<Framework, Start>> = {
  Fastify: startFastify,
  Express: startExpress,
  Koa: startKoa,
  Hono: startHono,
};

export interface Chat {
  /** Where the page is. */
  readonly page: string;
  readonly servers: readonly RunningServer[];
  /** Closes every connection with 1001 and every server. */
  close(): Promise<void>;
}

/** One of the four servers could not start. `cause` is what its `listen` said. */
export class StartError extends Error {
  override readonly name: string = "StartError";
  readonly framework: Framework;
  readonly port: number;
  readonly firstPort: number;

  constructor(framework: Framework, port: number, firstPort: number, cause: unknown) {
    super(`the ${framework} server cannot listen on port ${port}`, { cause });
    this.framework = framework;
    this.port = port;
    this.firstPort = firstPort;
  }
}

/**
 * Starts the chat: Fastify on `firstPort`, the others on the three ports after it; 0 takes any four free ones.
 *
 * @throws StartError when a server cannot listen; those already started are closed again.
 */
export async function startChat(firstPort: number, output: Output): Promise<Chat> {
  const room = new Room();
  const servers: RunningServer[] = [];
  const running: (Server | FastifyInstance)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(running.map(closed));
  };
  for (const [index, framework] of FRAMEWORKS.entries()) {
    const port = firstPort === 0 ? 0 : firstPort + index;
    const page = servers[0] && origin(servers[0].port); // served by the first
    const log = accessLog(framework, output);
    const foreign = page === undefined ? {} : { allowedOrigins: [page], warn: log.print };
    try {
      const started = STARTS[framework]({
        port,
        host: HOST,
        room,
        log,
        sockets: { subprotocols: [SUBPROTOCOL], readLimit: READ_LIMIT, ...foreign },
        cors: page === undefined ? {} : { "access-control-allow-origin": page },
        servers: () => servers,
      });
      const listening = await listen(started);
      running.push(listening.owner);
      servers.push({ framework, port: listening.port });
    } catch (cause) {
      await close();
      const refused = cause instanceof Error && "syscall" in cause && cause.syscall === "listen";
      throw refused ? new StartError(framework, port, firstPort, cause) : cause;
    }
  }
  return { page: `${origin(servers[0]?.port ?? firstPort)}/`, servers, close };
}

function origin(port: number): string {
  return new URL(`http://${HOST}:${port}`).origin;
}

/** Waits until the server listens. */
async function listen(
  started: Server | Promise<FastifyInstance>,
): Promise<{ owner: Server | FastifyInstance; port: number }> {
  const owner = await started;
  const server = "server" in owner ? owner.server : owner;
  if (!server.listening) await once(server, "listening"); // rejects with the server's error
  const { port } = server.address() as AddressInfo; // it listens on a TCP port
  return { owner, port };
}

function closed(owner: Server | FastifyInstance): Promise<void> {
  return new Promise((resolve) => {
    void owner.close(() => resolve());
  });
}
