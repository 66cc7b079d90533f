/** Refusals written straight on a socket, and the way of ending that lets a refusal arrive whole. */

import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** How long the peer has to take a refusal and end its side, in milliseconds. */
export const LINGER_MS = 1_000;

/** Takes an error that needs no answer: `close` follows, and tells the same. */
export function ignoreError(): void {}

/** Sees to it that a reset cannot end the process. Stays for life, and keeps no reference. */
export function guardSocket(socket: Duplex): void {
  if (!socket.listeners("error").includes(ignoreError)) socket.on("error", ignoreError);
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
  const head = [
    `HTTP/1.1 ${status} ${body}`,
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${body.length}`,
    `Date: ${new Date().toUTCString()}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`, "latin1");
  endWhole(socket);
}
