/** A node:http server on a free port with an app attached, closed when its test has finished. */
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import {
  attach,
  decideUpgrade,
  sendDecision,
  Upgrader,
  type Attachment,
  type AttachOptions,
  type Conn,
  type RouteSession,
  type UpgraderOptions,
} from "@longwire/engine";
import { RawPeer, watchForCrashes, type CrashWatch } from "@longwire/testkit";
import { afterEach, beforeEach, onTestFinished } from "vitest";

export interface AttachedServer {
  readonly server: http.Server;
  readonly port: number;
  readonly attachment: Attachment;
}

/** Listens on a free port of the loopback interface until the test has finished. */
export async function listen(server: http.Server, o: { port?: number } = {}): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    if (sockets.has(socket)) return; // a replayed request announces its connection again
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(o.port ?? 0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  });
  // A server that listens on a port has an AddressInfo.
  return (server.address() as AddressInfo).port;
}

/** Serves `app` for requests and upgrades alike, as frameworks do. */
export async function serve(
  app: (request: IncomingMessage, response: ServerResponse) => unknown,
  options: AttachOptions = {},
): Promise<AttachedServer> {
  const server = http.createServer((request, response) => void app(request, response));
  const attachment = attach(server, app, { drainTimeout: 200, ...options });
  return { server, attachment, port: await listen(server) };
}

/** A route in the sense of an adapter: decides, then sends the answer on the response. */
export async function answerUpgrade(
  request: IncomingMessage,
  response: ServerResponse,
  session: Partial<RouteSession>,
): Promise<void> {
  const decision = await decideUpgrade(request, {
    upgrader: defaultUpgrader,
    handler: echo,
    onError: (error) => {
      throw error;
    },
    ...session,
  });
  sendDecision(response, decision);
}

const defaultUpgrader = new Upgrader();

/** An app whose every URL is one WebSocket route. */
export function socketApp(
  handler: (conn: Conn, request: IncomingMessage) => unknown = echo,
  options: UpgraderOptions = {},
): RequestListener {
  const upgrader = new Upgrader(options);
  return (request, response) => {
    void answerUpgrade(request, response, { upgrader, handler: (conn) => handler(conn, request) });
  };
}

/** Sends every message back. */
export async function echo(conn: Conn): Promise<void> {
  for await (const message of conn) await conn.writeMessage(message.type, message.data);
}

/** Connects, and disconnects when the test has finished. */
export async function connectRaw(port: number, o: { halfOpen?: boolean } = {}): Promise<RawPeer> {
  const peer = await RawPeer.connect(port, o);
  onTestFinished(() => peer[Symbol.dispose]());
  return peer;
}

/** Every test of the file fails when something would have ended the process meanwhile. */
export function failOnCrash(): void {
  let watch: CrashWatch;
  beforeEach(() => {
    watch = watchForCrashes();
  });
  afterEach(() => watch.stop());
}

/** A header block without its Date line, whose value no test can know. */
export function withoutDate(bytes: Buffer): string {
  return bytes.toString("latin1").replace(/^Date: .*\r\n/mu, "");
}
