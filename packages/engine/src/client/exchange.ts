/** One request and its response over a connection that nobody else uses. RFC 9112 §2. */

import type { Duplex } from "node:stream";
import { HandshakeError } from "../errors.ts";
import { serializeRequest, type RequestLines } from "../opening-handshake/request-head.ts";
import { ResponseBody } from "../opening-handshake/response-body.ts";
import { ResponseHeadParser, type ReceivedHead } from "../opening-handshake/response-head.ts";
import { readUntil } from "./await-socket.ts";
import type { DialProgress } from "./dial-progress.ts";

/** A response head, and what has come behind it. The socket is paused. */
export interface Answer {
  readonly head: ReceivedHead;
  readonly rest: Buffer;
}

/** So much of a refusal's body is kept, as gorilla does. */
export const REFUSAL_BODY_BYTES = 1024;
/** The refusal is known by then: a server that holds its body back delays the error for no longer. */
const REFUSAL_BODY_MS = 1_000;

/**
 * Sends a request and reads the head of its response.
 *
 * @throws HandshakeError WS_BAD_HANDSHAKE for what is no response, WS_HANDSHAKE_ABORTED when the connection ends first;
 *   the reason why the dial was given up.
 */
export async function exchange(
  socket: Duplex,
  request: RequestLines,
  peer: string,
  progress: DialProgress,
): Promise<Answer> {
  const parser = new ResponseHeadParser();
  socket.write(serializeRequest(request));
  try {
    return await readUntil(socket, (chunk) => parser.push(chunk), progress.signal);
  } catch (cause) {
    if (progress.signal.aborted || cause instanceof HandshakeError) throw cause;
    const how = cause instanceof Error ? cause.message : String(cause);
    throw new HandshakeError(0, `no response from ${peer}: ${how}`, {
      code: "WS_HANDSHAKE_ABORTED",
      cause,
    });
  }
}

/**
 * Reads the first 1 KiB of a refusal's body, or what of it comes before the connection ends or the time is over.
 *
 * @throws The reason why the dial was given up, when the caller did that.
 */
export async function readRefusal(
  socket: Duplex,
  { head, rest }: Answer,
  progress: DialProgress,
): Promise<Buffer> {
  const body = new ResponseBody(head, REFUSAL_BODY_BYTES);
  body.push(rest);
  if (body.complete) return body.bytes;
  const limit = new AbortController();
  const stop = (): void => limit.abort();
  // Not AbortSignal.any of a timeout: Node 20 lets that be collected, and nobody is told.
  const timer = setTimeout(stop, REFUSAL_BODY_MS);
  progress.signal.addEventListener("abort", stop, { once: true });
  const take = (chunk: Buffer): true | undefined => {
    body.push(chunk);
    return body.complete ? true : undefined;
  };
  try {
    if (!progress.signal.aborted) await readUntil(socket, take, limit.signal);
  } catch {
    // an end, an error or a limit: the refusal stands
  } finally {
    clearTimeout(timer);
    progress.signal.removeEventListener("abort", stop);
  }
  progress.throwIfGivenUpByCaller();
  return body.bytes;
}
