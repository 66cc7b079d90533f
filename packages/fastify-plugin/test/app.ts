/** Fastify applications of one test: closed when it has finished, their log lines kept. */
import type { AddressInfo } from "node:net";
import { websocket, type FastifyConn, type WebSocketPluginOptions } from "@longwire/fastify";
import { fastify, type FastifyInstance, type FastifyServerOptions } from "fastify";
import { onTestFinished } from "vitest";

/** A line of the log as pino writes it. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly reqId?: string;
  readonly res?: { readonly statusCode: number };
  readonly err?: { readonly message: string; readonly code?: unknown };
}

export const LEVEL = { debug: 20, info: 30, warn: 40, error: 50 } as const;

/** Closes an application when its test has finished. */
export function closing<App extends { close(): PromiseLike<unknown> }>(app: App): App {
  onTestFinished(async () => {
    await app.close();
  });
  return app;
}

/** An application with the plugin; its peers have 200 ms to answer when it closes. */
export async function appWith(
  options: WebSocketPluginOptions = {},
  server: FastifyServerOptions = {},
): Promise<FastifyInstance> {
  const app = closing(fastify(server));
  await app.register(websocket, { drainTimeout: 200, ...options });
  return app;
}

/** Server options that collect the log, down to `debug`. */
export function logged(): { readonly lines: LogLine[]; readonly server: FastifyServerOptions } {
  const lines: LogLine[] = [];
  const write = (text: string): void => void lines.push(JSON.parse(text) as LogLine); // pino's own
  return { lines, server: { logger: { level: "debug", stream: { write } } } };
}

/** Listens on a free port of 127.0.0.1. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: "127.0.0.1" });
  return portOf(app);
}

/** The port of an application that listens. */
export function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port; // a TCP address is never a string
}

export async function echo(conn: FastifyConn): Promise<void> {
  for await (const message of conn) await conn.writeMessage(message.type, message.data);
}

/** Sends a text and gives the next one that comes. */
export async function ask(
  conn: Pick<FastifyConn, "readMessage" | "writeMessage">,
  text: string,
): Promise<string> {
  await conn.writeMessage(1, text);
  return (await conn.readMessage()).text();
}

/** What a promise rejects with. */
export async function failure(promise: PromiseLike<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("expected a rejection");
}
