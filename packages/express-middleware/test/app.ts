/** Express apps of one test: both versions, served on a free port, gone when the test is over. */
import type { Attachment, AttachOptions, Conn } from "@longwire/engine";
import { TestServer } from "@longwire/testkit";
import express, { type Application } from "express";
import express4 from "express4";
import { attach } from "../src/index.ts";

export type ExpressModule = typeof express;

/** Whatever Express has in common, each test runs on both. The types of the versions differ in what nobody here uses. */
export const VERSIONS: ReadonlyArray<readonly [name: string, express: ExpressModule]> = [
  ["Express 5", express],
  ["Express 4", express4 as unknown as ExpressModule],
];

/** Makes an app whose default error handler is silent. */
export function quietApp(module: ExpressModule): Application {
  const app = module();
  app.set("env", "test");
  return app;
}

export interface ServedApp {
  readonly server: TestServer;
  readonly attachment: Attachment;
}

/** Listens and attaches. Peers that do not answer a close frame are dropped after 200 ms. */
export async function listen(app: Application, options?: AttachOptions): Promise<ServedApp> {
  const listening = app.listen(0, "127.0.0.1");
  const attachment = attach(listening, app, { drainTimeout: 200, ...options });
  return { server: await TestServer.of(listening, attachment), attachment };
}

/** Serves an app whose attachment does not matter. */
export async function served(app: Application, options?: AttachOptions): Promise<TestServer> {
  return (await listen(app, options)).server;
}

/** Writes each message back. */
export async function echo(conn: Conn): Promise<void> {
  for await (const message of conn) await conn.writeMessage(message.type, message.data);
}
