/**
 * Upgrade requests that are not for WebSocket stay ordinary HTTP: `Upgrade: h2c` is sent by `curl --http2` and by
 * Java's HttpClient with a plain request that any HTTP/1.1 server may answer. RFC 9110 §7.8: "A server MAY ignore a
 * received Upgrade header field".
 */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { refuseSocket } from "./refuse-socket.ts";
import { asksForWebSocket } from "./upgrade-request.ts";

type ShouldUpgrade = (this: Server, request: IncomingMessage) => boolean;

/** Node 20 has no `shouldUpgradeCallback`, nor have its types. */
interface Choosing {
  shouldUpgradeCallback?: ShouldUpgrade;
}

/**
 * Tells node, where it asks (Node 22 and later), that only WebSocket requests leave HTTP.
 * A callback that the server already has is chained: what it lets through besides goes to its own `upgrade` listener.
 */
export function keepHttp(server: Server): void {
  const choosing: Server & Choosing = server;
  const previous = choosing.shouldUpgradeCallback;
  if (previous === undefined) return;
  // Node's own default is `this.listenerCount("upgrade") > 0`. Asked as if nobody listened it says no,
  // while a callback of the application answers as ever.
  const unheard = Object.create(server, { listenerCount: { value: () => 0 } }) as Server; // the server, but for one method
  choosing.shouldUpgradeCallback = function shouldUpgrade(request) {
    return previous.call(asksForWebSocket(request) ? server : unheard, request);
  };
}

const HOP_BY_HOP: ReadonlySet<string> = new Set(["upgrade", "http2-settings"]);

/** Takes the names of what is left out off a Connection header; the rest stays as it was spelled. */
function plainConnection(value: string): string {
  const names = value.split(",").map((name) => name.trim());
  return names.filter((name) => !HOP_BY_HOP.has(name.toLowerCase())).join(", ");
}

/** The request's head without Upgrade and HTTP2-Settings, and without their names in Connection. */
function plainHead(request: IncomingMessage): string {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at]!;
    const value = request.rawHeaders[at + 1]!;
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower)) continue;
    const sent = lower === "connection" ? plainConnection(value) : value;
    if (sent !== "") lines.push(`${name}: ${sent}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** The listeners that each `connection` event has node add and that an upgrade does not take away. */
const LEFT_BEHIND = ["pause", "resume"] as const;
type Listener = (...values: unknown[]) => void;
const addedByReplay = new WeakMap<Duplex, ReadonlyMap<string, readonly Listener[]>>();

/** Hands the socket to the server as if it had just connected. */
function reconnect(server: Server, socket: Duplex): void {
  for (const [event, listeners] of addedByReplay.get(socket) ?? []) {
    for (const listener of listeners) socket.off(event, listener);
  }
  const before = new Set(LEFT_BEHIND.flatMap((event) => socket.listeners(event)));
  server.emit("encrypted" in socket ? "secureConnection" : "connection", socket);
  const added = LEFT_BEHIND.map((event): [string, Listener[]] => [
    event,
    socket.listeners(event).filter((listener) => !before.has(listener)) as Listener[], // node types them as Function
  ]);
  addedByReplay.set(socket, new Map(added));
}

/**
 * Gives an upgrade request back to the server as the ordinary request that it is without its Upgrade header, and the
 * rest of the connection with it. For Node 20, which has no other way; tried there with bodies, keep-alive and TLS.
 *
 * @param head - Bytes that came behind the head of the request, such as its body.
 */
export function replayAsHttp(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  // Node 26 lets its parser have the body: it lies in the request, and while it is not complete the socket is a proxy.
  // Neither can be given back.
  if (request.socket !== socket || request.readableLength > 0) {
    refuseSocket(socket, 400);
    return;
  }
  socket.unshift(Buffer.concat([Buffer.from(plainHead(request), "latin1"), head]));
  reconnect(server, socket);
}
