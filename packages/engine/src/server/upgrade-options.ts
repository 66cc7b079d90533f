/** Options of an Upgrader: documented once, defaulted once, checked at the door. */

import type { IncomingMessage } from "node:http";
import type { HandshakeError } from "../errors.ts";
import { milliseconds, positive, resolveConnOptions, type ConnOptions } from "../conn/limits.ts";
import type { HeaderInput } from "../opening-handshake/header-fields.ts";
import {
  resolveHandshakeOptions,
  type HandshakeOptions,
  type ResolvedHandshakeOptions,
} from "../opening-handshake/handshake-options.ts";

/** A refusal as the application wants it. What is left out stays as the engine would have it. */
export interface RefusalResponse {
  /** From 300 to 599. */
  readonly status?: number | undefined;
  /** Added to the engine's headers, or put in place of those with the same name. */
  readonly headers?: HeaderInput | undefined;
  readonly body?: string | undefined;
}

/** The application's own origin check: false refuses with 403. `origin` is undefined when the header is absent. */
export type CheckOrigin = (
  request: IncomingMessage,
  origin: string | undefined,
) => boolean | Promise<boolean>;

/**
 * Writes a refusal. `error.status` is the status, `error.message` the reason: it quotes the peer's headers, so show it
 * to developers rather than to the peer. `undefined` takes the engine's response: the status text as its body.
 */
export type WriteRefusal = (
  error: HandshakeError,
  request: IncomingMessage,
) => RefusalResponse | undefined | Promise<RefusalResponse | undefined>;

export interface UpgraderOptions extends ConnOptions, HandshakeOptions {
  /**
   * Milliseconds from the request to the 101, guards included. After that: 408, and late answers go nowhere. The time
   * stops when the headers of another response go out (downloads, event streams).
   *
   * @default what `attach` was given, else 10_000
   */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Decides about the origin instead of the same-origin rule and `allowedOrigins`. `() => true` admits every website,
   * with the cookies of its visitors.
   *
   * @default same origin: no Origin header, or one whose host is the request's host
   */
  readonly checkOrigin?: CheckOrigin | undefined;
  /** Writes the refusals. @default the status text as text/plain */
  readonly error?: WriteRefusal | undefined;
  /** Takes the line that says which origin met which host when the default check refuses. @default console.warn */
  readonly warn?: ((line: string) => void) | undefined;
  /** Open connections of this Upgrader; one more is refused with 503. @default Infinity */
  readonly maxConnections?: number | undefined;
  /** Open connections of one peer address; one more is refused with 429. @default Infinity */
  readonly maxConnectionsPerAddress?: number | undefined;
}

/** {@link UpgraderOptions} checked, with every default in place. */
export interface ResolvedUpgraderOptions {
  readonly conn: ConnOptions;
  readonly handshake: ResolvedHandshakeOptions;
  /** undefined: what `attach` was given. */
  readonly handshakeTimeout: number | undefined;
  readonly checkOrigin: CheckOrigin | undefined;
  readonly error: WriteRefusal | undefined;
  readonly warn: (line: string) => void;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** Milliseconds from an upgrade request to its 101. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new TypeError(`${name} must be a function, got ${typeof value}`);
}

/**
 * Checks the options once, at the door.
 *
 * @throws TypeError | RangeError naming the option and its value.
 */
export function resolveUpgraderOptions(options: UpgraderOptions): ResolvedUpgraderOptions {
  const { checkOrigin, error, warn, handshakeTimeout } = options;
  resolveConnOptions(options);
  checkFunction("checkOrigin", checkOrigin);
  checkFunction("error", error);
  checkFunction("warn", warn);
  if (checkOrigin !== undefined && options.allowedOrigins !== undefined) {
    throw new TypeError("checkOrigin and allowedOrigins exclude each other: give one of them");
  }
  return {
    conn: options,
    handshake: resolveHandshakeOptions(options),
    handshakeTimeout:
      handshakeTimeout === undefined
        ? undefined
        : milliseconds("handshakeTimeout", handshakeTimeout, DEFAULT_HANDSHAKE_TIMEOUT_MS),
    checkOrigin,
    error,
    warn: warn ?? warnOnConsole,
    maxConnections: positive("maxConnections", options.maxConnections, Infinity),
    maxConnectionsPerAddress: positive(
      "maxConnectionsPerAddress",
      options.maxConnectionsPerAddress,
      Infinity,
    ),
  };
}

function warnOnConsole(line: string): void {
  // oxlint-disable-next-line no-console -- the documented default of the option `warn`
  console.warn(line);
}
