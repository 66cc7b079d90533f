/** A WebSocket route on a free port, closed when its test has finished; and every WebSocket that Node has. */
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import {
  attach,
  sendDecision,
  SocketRoute,
  type Conn,
  type In,
  type Messages,
  type Out,
  type RouteOptions,
} from "@longwire/engine";
import { WebSocket as UndiciWebSocket } from "undici";
import { onTestFinished } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import type { WebSocketConstructor } from "../src/index.ts";

const own: [string, WebSocketConstructor][] =
  typeof globalThis.WebSocket === "function" ? [["Node's own", globalThis.WebSocket]] : [];

/** The constructors that a program on Node can give. */
export const WEB_SOCKETS: readonly (readonly [string, WebSocketConstructor])[] = [
  ["undici's", UndiciWebSocket],
  ["ws's", WsWebSocket],
  ...own, // Node 20 has none
];

export interface RunningRoute {
  /** http://127.0.0.1:port/ */
  readonly url: string;
  readonly errors: unknown[];
}

/** Serves one route at every path. */
export async function serveRoute<M extends Messages>(
  options: RouteOptions<M>,
  handler: (conn: Conn<In<M>, Out<M>>, request: IncomingMessage) => unknown,
): Promise<RunningRoute> {
  const errors: unknown[] = [];
  const route = new SocketRoute(options);
  const app: RequestListener = (request, response) => {
    void route
      .decide(request, {
        handler: (conn) => handler(conn, request),
        onError: (error) => errors.push(error),
      })
      .then((decision) => sendDecision(response, decision));
  };
  return { url: await listen(app), errors };
}

/** Serves `app`, upgrades included. */
export async function listen(app: RequestListener): Promise<string> {
  const server = createServer(app);
  attach(server, app, { drainTimeout: 200 });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo; // a server that listens on a port has one
  return `http://127.0.0.1:${port}/`;
}

/** What an iteration gives, and how it ends. */
export async function collect<T>(
  values: AsyncIterable<T>,
): Promise<{ values: T[]; error: unknown }> {
  const all: T[] = [];
  try {
    for await (const value of values) all.push(value);
  } catch (error) {
    return { values: all, error };
  }
  return { values: all, error: undefined };
}
