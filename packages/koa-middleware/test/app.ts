/** Koa apps of one test: both versions, served on a free port, gone when the test is over. */
import type { Attachment, AttachOptions, Conn } from "@longwire/engine";
import { Inbox, TestServer } from "@longwire/testkit";
import Koa from "koa";
import Koa2 from "koa2";
import { attach } from "../src/index.ts";

/** Whatever Koa has in common, each test runs on both. */
export const VERSIONS: ReadonlyArray<readonly [name: string, app: typeof Koa]> = [
  ["Koa 3", Koa],
  ["Koa 2", Koa2],
];

/** What an app has emitted as errors, which Koa prints otherwise. */
export function errorsOf(app: Koa): Inbox<Error> {
  const errors = new Inbox<Error>("an error event of the app");
  app.on("error", (error: Error) => errors.push(error));
  return errors;
}

export interface ServedApp {
  readonly server: TestServer;
  readonly attachment: Attachment;
}

/** Listens and attaches. Peers that do not answer a close frame are dropped after 200 ms. */
export async function listen(app: Koa, options?: AttachOptions): Promise<ServedApp> {
  const listening = app.listen(0, "127.0.0.1");
  const attachment = attach(listening, app, { drainTimeout: 200, ...options });
  return { server: await TestServer.of(listening, attachment), attachment };
}

/** Serves an app whose attachment does not matter. */
export async function served(app: Koa, options?: AttachOptions): Promise<TestServer> {
  return (await listen(app, options)).server;
}

/** Writes each message back. */
export async function echo(conn: Conn): Promise<void> {
  for await (const message of conn) await conn.writeMessage(message.type, message.data);
}
