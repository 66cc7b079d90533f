/** An extended CONNECT request and its response, on a stream of its own. RFC 8441 §4. */

import { constants, type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2";
import { HandshakeError } from "../errors.ts";
import type { ClientHandshakeRequest } from "../opening-handshake/client-handshake.ts";
import { extendedConnectHeaders } from "../opening-handshake/extended-connect.ts";
import type { ReceivedHead } from "../opening-handshake/response-head.ts";
import { presentAddresses } from "../transport/http2-transport.ts";
import { settle } from "./await-socket.ts";
import type { DialProgress } from "./dial-progress.ts";
import type { Answer } from "./exchange.ts";
import type { Lease } from "./http2-session.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/** The answer, with the stream that it came on. */
export interface StreamAnswer {
  readonly stream: ClientHttp2Stream;
  readonly answer: Answer;
}

/** The server has not looked at the request: it may be sent again, on another session. RFC 9113 §8.7 */
export class StreamRefused extends HandshakeError {}

/**
 * Sends a handshake request and awaits the head of its response. The lease is released when the stream is closed.
 *
 * @throws StreamRefused; HandshakeError WS_HANDSHAKE_ABORTED when the stream ends first; the reason why the dial was
 *   given up.
 */
export async function exchangeOnStream(
  { session, release }: Lease,
  request: ClientHandshakeRequest,
  secure: boolean,
  peer: string,
  progress: DialProgress,
): Promise<StreamAnswer> {
  let stream: ClientHttp2Stream | undefined;
  try {
    stream = session.request(extendedConnectHeaders(request, secure), { endStream: false });
    stream.once("close", release);
    progress.own(stream);
    presentAddresses(stream);
    const head = await awaitHead(stream, progress.signal);
    return { stream, answer: { head, rest: NOTHING } };
  } catch (cause) {
    if (stream === undefined) release();
    if (progress.signal.aborted) throw cause;
    const how = cause instanceof Error ? cause.message : String(cause);
    const code = "WS_HANDSHAKE_ABORTED";
    // Without a stream the session has taken leave already.
    const refused = stream === undefined || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    const Failure = refused ? StreamRefused : HandshakeError;
    throw new Failure(0, `no response from ${peer}: ${how}`, { code, cause });
  }
}

function awaitHead(stream: ClientHttp2Stream, signal: AbortSignal): Promise<ReceivedHead> {
  return settle<ReceivedHead>(stream, signal, (done) => {
    // Node gives the header lines as they were received too; its types do not tell.
    const onResponse = (headers: IncomingHttpHeaders, ...rest: readonly unknown[]): void =>
      done({ value: headOf(headers, rest[1] as readonly string[]) });
    stream.once("response", onResponse);
    return () => stream.off("response", onResponse);
  });
}

function headOf(received: IncomingHttpHeaders, rawReceived: readonly string[]): ReceivedHead {
  const isField = (name: string): boolean => !name.startsWith(":");
  const headers = Object.fromEntries(Object.entries(received).filter(([name]) => isField(name)));
  const rawHeaders: string[] = [];
  for (let at = 0; at + 1 < rawReceived.length; at += 2) {
    if (isField(rawReceived[at]!)) rawHeaders.push(rawReceived[at]!, rawReceived[at + 1]!);
  }
  const statusCode = Number(received[":status"]);
  // "HTTP/2 does not define a way to carry the … reason phrase" RFC 9113 §8.3.2
  return { httpVersion: "2.0", statusCode, statusMessage: "", headers, rawHeaders };
}
