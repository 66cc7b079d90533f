/** Refusals written straight on a socket, and the way of ending that lets a refusal arrive whole. */

import { STATUS_CODES } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { isHttp2Stream } from "../transport/http2-transport.ts";

/** How long the peer has to take a refusal and end its side, in milliseconds. */
export const LINGER_MS = 1_000;

/** Takes an error that needs no answer: `close` follows, and tells the same. */
export function ignoreError(): void {}

/** Sees to it that a reset cannot end the process. Keeps no reference. */
export function guardSocket(socket: Duplex): void {
  if (!socket.listeners("error").includes(ignoreError)) socket.on("error", ignoreError);
}

/** A connection has the socket, and listens itself: a list of two listeners would take 64 bytes of each. */
export function unguardSocket(socket: Duplex): void {
  socket.removeListener("error", ignoreError);
}

/**
 * Ends a socket whose last bytes the peer is to read.
 * Input is read and dropped meanwhile: a close with unread input becomes a reset, which eats the bytes before it.
 */
export function endWhole(socket: Duplex): void {
  socket.resume();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref(); // a peer that lingers must not keep the process alive
  socket.once("close", () => clearTimeout(timer));
}

/**
 * Refuses an upgrade request for which no `ServerResponse` exists, or whose own one was detached.
 * Uses stream methods only: for a request with a body Node 26 hands out an `UpgradeStream`, which is no net.Socket.
 */
export function refuseSocket(socket: Duplex, status: number): void {
  const body = STATUS_CODES[status] ?? String(status);
  const head: ReadonlyArray<readonly [string, string]> = [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Length", String(body.length)],
    ["Date", new Date().toUTCString()],
  ];
  if (isHttp2Stream<ServerHttp2Stream>(socket)) {
    if (socket.destroyed || socket.closed) return;
    // Names "MUST be converted to lowercase" RFC 9113 §8.2; node adds a second Date beside one that is not.
    const fields = head.map(([name, value]): [string, string] => [name.toLowerCase(), value]);
    if (!socket.headersSent) socket.respond({ ":status": status, ...Object.fromEntries(fields) });
    socket.write(Buffer.from(body));
  } else {
    const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.write(
      `HTTP/1.1 ${status} ${body}\r\nConnection: close\r\n${lines}\r\n${body}`,
      "latin1",
    );
  }
  endWhole(socket);
}
