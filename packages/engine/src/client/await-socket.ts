/** Waits on a socket that end: by an event, by what arrives, by its error or end, or by the dial being given up. */

import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";

/** The socket ended or failed before that for which it was awaited. */
export class SocketEnded extends Error {
  override readonly name: string = "SocketEnded";
}

export type Outcome<T> = { readonly value: T } | { readonly error: Error };

/** A socket, a stream or a session of HTTP/2. */
interface Awaited extends EventEmitter {
  readonly destroyed: boolean;
  readonly errored?: Error | null | undefined;
  readonly readableEnded?: boolean | undefined;
}

/**
 * Listens until `listen`'s callback settles the wait, or the socket fails or closes, or the signal aborts.
 *
 * @param listen - Adds its listeners and returns what removes them; calls back later, not at once.
 */
export function settle<T>(
  socket: Awaited,
  signal: AbortSignal,
  listen: (done: (outcome: Outcome<T>) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const done = (outcome: Outcome<T>): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      socket.off("close", onClose);
      unlisten();
      if ("value" in outcome) resolve(outcome.value);
      else reject(outcome.error);
    };
    const onAbort = (): void => done({ error: signal.reason as Error }); // ours, or whatever the caller gave
    const onError = (error: Error): void => done({ error });
    const onClose = (): void =>
      done({ error: socket.errored ?? new SocketEnded("the connection was closed") });
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onError);
    socket.on("close", onClose);
    const unlisten = listen(done);
    if (signal.aborted) onAbort();
    else if (socket.destroyed || socket.readableEnded === true) onClose(); // its events are over
  });
}

/**
 * Awaits an event.
 *
 * @throws The socket's error, {@link SocketEnded}, or the signal's reason.
 */
export function nextEvent(
  socket: Duplex,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<void> {
  return settle<void>(socket, signal, (done) => {
    const onEvent = (): void => done({ value: undefined });
    socket.once(event, onEvent);
    return () => socket.off(event, onEvent);
  });
}

/**
 * Feeds what arrives to `take` until it returns something, and leaves the socket paused then: what comes later waits.
 *
 * @throws What `take` throws, the socket's error, {@link SocketEnded}, or the signal's reason.
 */
export function readUntil<T>(
  socket: Duplex,
  take: (chunk: Buffer) => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  return settle<T>(socket, signal, (done) => {
    const finish = (outcome: Outcome<T>): void => {
      socket.pause();
      done(outcome);
    };
    const onData = (chunk: Buffer): void => {
      try {
        const value = take(chunk);
        if (value !== undefined) finish({ value });
      } catch (error) {
        finish({ error: error as Error }); // `take` throws nothing else
      }
    };
    const onEnd = (): void => finish({ error: new SocketEnded("the connection was ended") });
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.resume();
    return () => {
      socket.off("data", onData);
      socket.off("end", onEnd);
    };
  });
}
