/** The connection under everything: TCP, a unix socket, or what a hook gives. */

import { connect as netConnect, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { HandshakeError } from "../errors.ts";
import { authority } from "../opening-handshake/connect-tunnel.ts";
import { nextEvent } from "./await-socket.ts";
import type { DialAddress, DialHook } from "./dial-options.ts";
import type { DialProgress } from "./dial-progress.ts";

export function showAddress(address: DialAddress): string {
  return address.path ?? authority(address.host, address.port);
}

/** Node's error when all addresses of a name failed has an empty message. */
function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.message !== "") return cause.message;
  return "code" in cause ? String(cause.code) : cause.name;
}

/** The error of a connection that never came about: nothing has been asked of the server yet. */
export function dialFailed(what: string, cause: unknown): HandshakeError {
  const message = `${what}: ${describe(cause)}`;
  return new HandshakeError(0, message, { code: "WS_DIAL_FAILED", cause });
}

/** Awaits a socket that is still on its way; an abort is thrown as it is. */
export async function opened(
  socket: Duplex,
  event: "connect" | "secureConnect",
  progress: DialProgress,
  what: string,
): Promise<void> {
  try {
    await nextEvent(socket, event, progress.signal);
  } catch (cause) {
    throw progress.signal.aborted ? cause : dialFailed(what, cause);
  }
}

function destroyLate(socket: Duplex): void {
  socket.on("error", () => {});
  socket.destroy();
}

/** Asks a hook for its connection. What the hook throws, the dial throws. */
export async function dialByHook(
  hook: DialHook,
  name: "netDial" | "tlsDial",
  address: DialAddress,
  progress: DialProgress,
): Promise<Duplex> {
  const { signal } = progress;
  progress.enter("connect", showAddress(address));
  const socket = await progress.race(hook(address, { signal }), destroyLate);
  const candidate: Partial<Duplex> | null | undefined = socket; // callers need not be checked by a compiler
  if (typeof candidate?.write !== "function" || typeof candidate.on !== "function") {
    throw new TypeError(`${name} must return a stream.Duplex, got ${typeof candidate}`);
  }
  progress.own(socket);
  const secure = socket instanceof TLSSocket;
  // Not documented by Node, and true from the constructor until "secureConnect". Nothing may be sent before that: the
  // certificate is not verified yet.
  const securing = secure && "secureConnecting" in socket && socket.secureConnecting === true;
  const connecting = socket instanceof Socket && socket.connecting;
  if (securing || connecting || socket.destroyed) {
    const event = secure ? "secureConnect" : "connect";
    await opened(socket, event, progress, `cannot connect to ${showAddress(address)}`);
  }
  return socket;
}

/**
 * Connects, by the hook `netDial` where there is one.
 *
 * @throws HandshakeError WS_DIAL_FAILED with Node's error as its cause; what the hook throws; the reason why the dial was
 *   given up.
 */
export async function connect(
  address: DialAddress,
  hook: DialHook | undefined,
  progress: DialProgress,
): Promise<Duplex> {
  if (hook !== undefined) return dialByHook(hook, "netDial", address, progress);
  progress.enter("connect", showAddress(address));
  const socket = netConnect(address);
  progress.own(socket);
  await opened(socket, "connect", progress, `cannot connect to ${showAddress(address)}`);
  return socket;
}
