/** Limits and times of a connection: documented once, defaulted once, checked at the door. */

import type { BufferPool } from "./write-buffer.ts";

/** Options of a connection. Unlimited is `Infinity`, never 0. */
export interface ConnOptions {
  /**
   * Longest message accepted, in bytes after inflating. A longer one closes the connection with 1009.
   * @default 1_048_576 (1 MiB)
   */
  readonly readLimit?: number | undefined;
  /**
   * Received bytes that may wait for a reader before reading from the socket pauses; an unfinished message counts.
   * @default 262_144 (256 KiB)
   */
  readonly readQueueBytes?: number | undefined;
  /**
   * Received messages that may wait for a reader before reading from the socket pauses.
   * @default 1_024
   */
  readonly readQueueMessages?: number | undefined;
  /**
   * Bytes waiting to be sent from which `send` returns false and `writeMessage` waits.
   * @default 65_536 (64 KiB)
   */
  readonly writeWaterMark?: number | undefined;
  /**
   * Bytes that may wait to be sent at all. One more message drops them and ends the connection with 1013.
   * A single message of any size is accepted when nothing waits.
   * @default 16_777_216 (16 MiB)
   */
  readonly maxBufferedAmount?: number | undefined;
  /**
   * Longest piece that `nextReader` gives, in bytes. Node reads up to 64 KiB at a time into memory that it allocates
   * itself: that can't be set, and this does not change it. It limits no message.
   * @default 65_536
   */
  readonly readBufferSize?: number | undefined;
  /**
   * Bytes that `nextWriter` collects before it sends a fragment. It limits no message, and whole messages are never cut.
   * @default 4_096
   */
  readonly writeBufferSize?: number | undefined;
  /**
   * Keeps the buffers that `nextWriter` collects in; a writer holds one from its first short piece to its end. Whole
   * messages need none: one buffer serves all connections of the process.
   * @default none: each message allocates
   */
  readonly writeBufferPool?: BufferPool | undefined;
  /**
   * Milliseconds that the closing handshake may take before the socket is destroyed.
   * @default 5_000
   */
  readonly closeTimeout?: number | undefined;
  /**
   * Pings after `interval` milliseconds of silence and terminates when nothing at all arrives for `timeout` after that.
   * Either may take an eighth of the shorter time longer: the connection is looked at eight times in it. The wait is
   * suspended while this side has paused reading. `false` switches it off.
   * @default { interval: 30_000, timeout: 20_000 }
   */
  readonly heartbeat?: false | HeartbeatOptions | undefined;
}

export interface HeartbeatOptions {
  /** Milliseconds of silence before a ping. @default 30_000 */
  readonly interval?: number | undefined;
  /** Milliseconds to wait for the peer after a ping. @default 20_000 */
  readonly timeout?: number | undefined;
}

/** {@link ConnOptions} with every default in place. `heartbeat.interval` is `Infinity` when it is off. */
export interface ConnLimits {
  readonly readLimit: number;
  readonly readQueueBytes: number;
  readonly readQueueMessages: number;
  readonly writeWaterMark: number;
  readonly maxBufferedAmount: number;
  readonly readBufferSize: number;
  readonly writeBufferSize: number;
  readonly writeBufferPool: BufferPool | undefined;
  readonly closeTimeout: number;
  readonly heartbeatInterval: number;
  readonly heartbeatTimeout: number;
}

export const DEFAULT_LIMITS: ConnLimits = {
  readLimit: 1_048_576,
  readQueueBytes: 262_144,
  readQueueMessages: 1024,
  writeWaterMark: 65_536,
  maxBufferedAmount: 16_777_216,
  readBufferSize: 65_536,
  writeBufferSize: 4096,
  writeBufferPool: undefined,
  closeTimeout: 5000,
  heartbeatInterval: 30_000,
  heartbeatTimeout: 20_000,
};

// setTimeout takes no more; a longer time would fire at once.
export const MAX_TIMER_MS = 2_147_483_647;

const resolved = new WeakMap<ConnOptions, ConnLimits>();

/** The limits of these options, one object for all connections that have them. Options are not to change any more. */
export function limitsOf(options: ConnOptions): ConnLimits {
  let limits = resolved.get(options);
  if (limits === undefined) resolved.set(options, (limits = resolveConnOptions(options)));
  return limits;
}

/**
 * Fills in the defaults.
 *
 * @throws TypeError or RangeError naming the option and its value.
 */
export function resolveConnOptions(options: ConnOptions): ConnLimits {
  const heartbeat = options.heartbeat === false ? undefined : (options.heartbeat ?? {});
  const d = DEFAULT_LIMITS;
  return {
    readLimit: positive("readLimit", options.readLimit, d.readLimit),
    readQueueBytes: positive("readQueueBytes", options.readQueueBytes, d.readQueueBytes),
    readQueueMessages: positive(
      "readQueueMessages",
      options.readQueueMessages,
      d.readQueueMessages,
    ),
    writeWaterMark: positive("writeWaterMark", options.writeWaterMark, d.writeWaterMark),
    maxBufferedAmount: positive(
      "maxBufferedAmount",
      options.maxBufferedAmount,
      d.maxBufferedAmount,
    ),
    readBufferSize: positive("readBufferSize", options.readBufferSize, d.readBufferSize),
    writeBufferPool: bufferPool(options.writeBufferPool),
    writeBufferSize: positive("writeBufferSize", options.writeBufferSize, d.writeBufferSize),
    closeTimeout: milliseconds("closeTimeout", options.closeTimeout, d.closeTimeout),
    heartbeatInterval:
      heartbeat === undefined
        ? Infinity
        : milliseconds("heartbeat.interval", heartbeat.interval, d.heartbeatInterval),
    heartbeatTimeout: milliseconds("heartbeat.timeout", heartbeat?.timeout, d.heartbeatTimeout),
  };
}

function bufferPool(pool: BufferPool | undefined): BufferPool | undefined {
  if (pool === undefined || (typeof pool?.get === "function" && typeof pool.put === "function"))
    return pool;
  throw new TypeError(`writeBufferPool must have methods get and put, got ${typeof pool}`);
}

/** Checks an option that counts something: a positive whole number, or `Infinity` for no limit. */
export function positive(name: string, value: number | undefined, fallback: number): number {
  return value === undefined ? fallback : checkPositive(name, value);
}

/** As {@link positive}, for a value that must be given. */
export function checkPositive(name: string, value: number): number {
  if (typeof value !== "number")
    throw new TypeError(`${name} must be a number, got ${typeof value}`);
  if (value === Infinity || (Number.isSafeInteger(value) && value > 0)) return value;
  throw new RangeError(`${name} must be a positive whole number or Infinity, got ${value}`);
}

/** Checks an option that is a time: a positive number of milliseconds, or `Infinity` for no limit. */
export function milliseconds(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number")
    throw new TypeError(`${name} must be a number of milliseconds, got ${typeof value}`);
  if (value === Infinity || (value > 0 && value <= MAX_TIMER_MS)) return value;
  throw new RangeError(
    `${name} must be above 0 and at most ${MAX_TIMER_MS} ms, or Infinity, got ${value}`,
  );
}
