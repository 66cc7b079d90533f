/** Handlers made of callbacks: each one runs when the promise of the one before has settled. */

import { CloseError, type CloseInfo } from "../errors.ts";
import type { Conn } from "../conn/conn.ts";
import { reportFault } from "./report-fault.ts";

type Message = Awaited<ReturnType<Conn["readMessage"]>>;

export interface ConnCallbacks {
  /** Runs first. */
  readonly onOpen?: (() => unknown) | undefined;
  /** Runs for each message; a pending promise holds the peer back. */
  readonly onMessage?: ((message: Message) => unknown) | undefined;
  /** Gets what ended the connection before its closing handshake: the peer's fault, or a deadline. */
  readonly onError?: ((error: unknown) => unknown) | undefined;
  /** Runs last, when the socket is gone. */
  readonly onClose?: ((end: CloseInfo) => unknown) | undefined;
}

/**
 * Reads the connection to its end by callbacks, for APIs that have them. It is a route's handler, or the whole of one.
 *
 * @param report - Gets what a callback throws or rejects with; the connection goes on.
 */
export async function runCallbacks(
  conn: Conn,
  { onOpen, onMessage, onError, onClose }: ConnCallbacks,
  report: (error: unknown) => unknown,
): Promise<void> {
  const call = async (callback: () => unknown): Promise<void> => {
    try {
      await callback();
    } catch (error) {
      reportFault(() => report(error));
    }
  };
  await call(() => onOpen?.());
  try {
    await conn.forEach((message) => call(() => onMessage?.(message)));
  } catch (error) {
    if (!(error instanceof CloseError)) await call(() => onError?.(error));
  }
  const end = await conn.closed;
  await call(() => onClose?.(end));
}
