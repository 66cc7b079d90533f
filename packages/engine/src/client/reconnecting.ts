/** A connection that comes back: each Conn after the other, with pauses in between. */

import { promises as timers } from "node:timers";
import { HandshakeError, type CloseInfo } from "../errors.ts";
import type { Conn } from "../conn/conn.ts";
import { MAX_TIMER_MS, milliseconds, positive } from "../conn/limits.ts";
import { backOffDelay, retryAfter, type BackOffOptions } from "./back-off.ts";
import type { HeaderInput } from "../opening-handshake/header-fields.ts";
import type { DialOptions } from "./dial-options.ts";
import type { Dialed } from "./dialer.ts";

/** Why there is no connection: an attempt failed, or a connection ended. */
export interface Loss {
  /** What `dial` threw, or what reads of the connection get: its CloseError or the fault of the peer. */
  readonly error: unknown;
  /** How the connection ended; `undefined` when the attempt failed. */
  readonly closed: CloseInfo | undefined;
  /** Losses in a row, this one included, without a connection that lasted `resetAfter`. */
  readonly failures: number;
  /** Milliseconds until the next attempt; `undefined` when there is none. */
  readonly delay: number | undefined;
}

export interface ReconnectOptions extends Omit<DialOptions, "headers">, BackOffOptions {
  /**
   * Headers of each request, or what makes them anew for each attempt, such as a token that expires. When that fails, so
   * has the attempt.
   *
   * @default none
   */
  readonly headers?: HeaderInput | (() => HeaderInput | Promise<HeaderInput>) | undefined;
  /** Losses in a row after which it gives up and throws the last error. @default Infinity */
  readonly maxFailures?: number | undefined;
  /** Milliseconds that a connection must last for the failures before it to be forgotten. @default 10_000 */
  readonly resetAfter?: number | undefined;
  /**
   * Decides whether another attempt makes sense. What it throws ends the iteration.
   *
   * @default {@link isTemporary}
   */
  readonly shouldRetry?: ((loss: Omit<Loss, "delay">) => boolean) | undefined;
  /** Told of each loss before the pause. What it throws ends the iteration. @default none */
  readonly onLoss?: ((loss: Loss) => void) | undefined;
}

/** What `reconnecting` asks of a Dialer. */
export interface DialsConns<In = unknown, Out = unknown> {
  dial(url: string | URL, options?: DialOptions): Promise<Dialed<In, Out>>;
}

/** 408 Request Timeout, 425 Too Early, 429 Too Many Requests: the only refusals of a client that pass by waiting. */
const TEMPORARY_CLIENT_ERRORS: ReadonlySet<number> = new Set([408, 425, 429]);
const NORMAL_CLOSURE = 1000;

/**
 * Tells whether another attempt may have another outcome. Not after a normal closure (1000) by either side, and not
 * after a refusal that will be repeated: a status of 400-499 other than 408, 425 and 429, or a mistake in the URL or the
 * options.
 */
export function isTemporary({ error, closed }: Pick<Loss, "error" | "closed">): boolean {
  if (closed !== undefined) return closed.code !== NORMAL_CLOSURE;
  if (error instanceof TypeError || error instanceof RangeError) return false;
  if (!(error instanceof HandshakeError)) return true;
  const { status } = error;
  return status < 400 || status > 499 || TEMPORARY_CLIENT_ERRORS.has(status);
}

interface Policy {
  readonly initialDelay: number;
  readonly maxDelay: number;
  readonly maxFailures: number;
  readonly resetAfter: number;
}

function resolvePolicy(options: ReconnectOptions): Policy {
  return {
    initialDelay: milliseconds("initialDelay", options.initialDelay, 500),
    maxDelay: milliseconds("maxDelay", options.maxDelay, 30_000),
    maxFailures: positive("maxFailures", options.maxFailures, Infinity),
    resetAfter: milliseconds("resetAfter", options.resetAfter, 10_000),
  };
}

/** The pause that a server asks for counts when it is longer than ours, up to the longest. */
function delayAfter(error: unknown, failures: number, policy: Policy): number {
  const own = backOffDelay(failures - 1, policy);
  if (!(error instanceof HandshakeError)) return Math.min(own, MAX_TIMER_MS);
  const asked = retryAfter(error.response?.headers["retry-after"], Date.now()) ?? 0;
  return Math.min(Math.max(own, asked), policy.maxDelay, MAX_TIMER_MS);
}

type Attempt<In, Out> =
  | { readonly conn: Conn<In, Out>; readonly error?: undefined }
  | { readonly conn?: undefined; readonly error: unknown };

/** An iterable is read once, so it is listed for the attempts to come. */
function repeatable(headers: ReconnectOptions["headers"]): ReconnectOptions["headers"] {
  const iterable = typeof headers === "object" && Symbol.iterator in headers;
  return iterable ? Array.from(headers) : headers;
}

async function headersOf(given: ReconnectOptions["headers"]): Promise<HeaderInput | undefined> {
  if (typeof given !== "function") return given;
  try {
    return await given();
  } catch (cause) {
    // Told apart from a mistake of the caller: what fetches a token throws a TypeError when there is no network.
    throw new HandshakeError(0, "no headers for the request", { code: "WS_DIAL_FAILED", cause });
  }
}

async function attempt<In, Out>(
  dialer: DialsConns<In, Out>,
  url: string | URL,
  options: ReconnectOptions,
): Promise<Attempt<In, Out>> {
  const { subprotocols, signal } = options;
  try {
    const headers = await headersOf(options.headers);
    return { conn: (await dialer.dial(url, { headers, subprotocols, signal })).conn };
  } catch (error) {
    signal?.throwIfAborted();
    return { error };
  }
}

/** Pauses. @throws The signal's own reason, where Node would throw an AbortError. */
async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await timers.setTimeout(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Closes a connection when the signal aborts; returns what takes that back. */
function closeOnAbort(conn: Pick<Conn, "close">, signal: AbortSignal | undefined): () => void {
  const close = (): void => void conn.close();
  signal?.addEventListener("abort", close, { once: true });
  return () => signal?.removeEventListener("abort", close);
}

/** Gives a connection to the loop, and awaits its end there; tells how long it lasted. */
async function* lend<In, Out>(
  conn: Conn<In, Out>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Conn<In, Out>, { readonly closed: CloseInfo; readonly lasted: number }> {
  const began = performance.now();
  // Counted from its end, not from when the loop comes back.
  const end = conn.closed.then((closed) => ({ closed, lasted: performance.now() - began }));
  const keepOpen = closeOnAbort(conn, signal);
  try {
    yield conn;
    return await end;
  } finally {
    keepOpen();
  }
}

/**
 * Connects, and connects again whenever the connection is lost. The next one is dialed when the loop asks for it and
 * the one before has ended; with `break` a connection stays open, and is the caller's. An abort of `signal` closes the
 * open connection with 1000, and the iteration throws the signal's reason.
 *
 * Ends quietly after a loss that `shouldRetry` does not retry when that was a connection, and throws its error when it
 * was an attempt.
 *
 * @throws The error of an attempt that is not retried; the last error after `maxFailures`; the signal's reason;
 *   TypeError | RangeError for an option.
 */
export async function* reconnecting<In = unknown, Out = unknown>(
  dialer: DialsConns<In, Out>,
  url: string | URL,
  options: ReconnectOptions = {},
): AsyncGenerator<Conn<In, Out>, void, undefined> {
  const policy = resolvePolicy(options);
  const { signal, shouldRetry = isTemporary, onLoss } = options;
  const each = { ...options, headers: repeatable(options.headers) };
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted();
    const { conn, error: dialError } = await attempt(dialer, url, each);
    let closed: CloseInfo | undefined;
    if (conn !== undefined) {
      const end = yield* lend(conn, signal);
      signal?.throwIfAborted();
      closed = end.closed;
      if (end.lasted >= policy.resetAfter) failures = 1;
    }
    const error: unknown = conn === undefined ? dialError : conn.signal.reason;
    const worthIt = shouldRetry({ error, closed, failures });
    const again = worthIt && failures < policy.maxFailures;
    const pause = again ? delayAfter(error, failures, policy) : undefined;
    onLoss?.({ error, closed, failures, delay: pause });
    if (pause === undefined) {
      if (conn === undefined || worthIt) throw error;
      return; // a connection that ended as it should
    }
    await rest(pause, signal);
  }
}
