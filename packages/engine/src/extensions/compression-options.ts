/** Options of permessage-deflate: what each one costs, its default, and the check at the door. RFC 7692 §7. */

/** How this side compresses, and what it agrees to in the opening handshake. */
export interface CompressionOptions {
  /**
   * Effort of the compressor: -2 Huffman coding only, -1 zlib's own default (6), 0 stored, 1 fastest to 9 smallest.
   * Level 6 takes about the same CPU time as level 1 for messages up to 1 KiB, and half as much again at 16 KiB.
   *
   * @default 1
   */
  readonly level?: number;
  /**
   * Size of zlib's working tables, 1-9. A compressor holds `2^(windowBits + 2) + 2^(memLevel + 9)` bytes while it
   * works on a message (32 KiB at 12 bits and level 5); nothing of that stays with a connection.
   *
   * @default 5
   */
  readonly memLevel?: number;
  /**
   * Shortest message that is compressed, in bytes. A shorter one goes out plain and stays out of the window.
   * `Infinity` compresses none, and still takes compressed messages.
   *
   * @default 256
   */
  readonly threshold?: number;
  /**
   * Base-2 logarithm of the window of messages from the server, 8-15. With context takeover each connection keeps
   * up to `2^bits` bytes of the last messages (4 KiB at 12). A larger window compresses better and costs CPU: for
   * messages up to 1 KiB, 32 KiB takes two to three times as long as 4 KiB. A client asks the server for this limit; a
   * server keeps to it, and to less when the client asks for less.
   *
   * @default 12
   */
  readonly serverMaxWindowBits?: number;
  /**
   * The same for messages from the client. A server can set it only for a client that offers
   * `client_max_window_bits`, see {@link keepFullPeerWindow} for the others.
   *
   * @default 12
   */
  readonly clientMaxWindowBits?: number;
  /**
   * The server compresses each message on its own (RFC 7692 §7.1.1.1). Saves the window, costs compression: a
   * 63-byte JSON message went out as 60 bytes on its own, as 15 with context. A server also does this whenever the
   * client asks for it.
   *
   * @default false
   */
  readonly serverNoContextTakeover?: boolean;
  /**
   * The client compresses each message on its own (RFC 7692 §7.1.1.2).
   *
   * @default false
   */
  readonly clientNoContextTakeover?: boolean;
  /**
   * What to do with a peer that cannot limit its window (Firefox as a client). `false`: it is told to compress each
   * message on its own. `true`: it may keep its context, and this side keeps the 32 KiB of it per connection.
   *
   * @default false
   */
  readonly keepFullPeerWindow?: boolean;
}

/** {@link CompressionOptions} with every default filled in, checked. */
export type ResolvedCompression = Readonly<Required<CompressionOptions>>;

export const DEFAULT_COMPRESSION: ResolvedCompression = {
  level: 1,
  memLevel: 5,
  threshold: 256,
  serverMaxWindowBits: 12,
  clientMaxWindowBits: 12,
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  keepFullPeerWindow: false,
};

type NumberOption = "level" | "memLevel" | "serverMaxWindowBits" | "clientMaxWindowBits";
type BooleanOption = "serverNoContextTakeover" | "clientNoContextTakeover" | "keepFullPeerWindow";

function integer(
  options: CompressionOptions,
  name: NumberOption,
  min: number,
  max: number,
): number {
  const value: unknown = options[name] ?? DEFAULT_COMPRESSION[name];
  if (typeof value !== "number") {
    throw new TypeError(`compression.${name} must be a number, got ${typeof value}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(
      `compression.${name} must be an integer from ${min} to ${max}, got ${value}`,
    );
  }
  return value;
}

function boolean(options: CompressionOptions, name: BooleanOption): boolean {
  const value: unknown = options[name] ?? DEFAULT_COMPRESSION[name];
  if (typeof value !== "boolean") {
    throw new TypeError(`compression.${name} must be a boolean, got ${typeof value}`);
  }
  return value;
}

function threshold(options: CompressionOptions): number {
  const value: unknown = options.threshold ?? DEFAULT_COMPRESSION.threshold;
  if (typeof value !== "number") {
    throw new TypeError(`compression.threshold must be a number, got ${typeof value}`);
  }
  if (value !== Infinity && (!Number.isSafeInteger(value) || value < 0)) {
    throw new RangeError(
      `compression.threshold must be a whole number of bytes or Infinity, got ${value}`,
    );
  }
  return value;
}

/**
 * Fills in defaults and checks every value. `true` is all defaults; `false` and `undefined` are off.
 *
 * @throws RangeError when a number is out of its range.
 * @throws TypeError when a value is of the wrong type.
 */
export function resolveCompression(
  options: boolean | CompressionOptions | undefined,
): ResolvedCompression | undefined {
  if (options === undefined || options === false) return undefined;
  if (options === true) return DEFAULT_COMPRESSION;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`compression must be a boolean or an object, got ${String(options)}`);
  }
  return {
    level: integer(options, "level", -2, 9),
    memLevel: integer(options, "memLevel", 1, 9),
    threshold: threshold(options),
    serverMaxWindowBits: integer(options, "serverMaxWindowBits", 8, 15),
    clientMaxWindowBits: integer(options, "clientMaxWindowBits", 8, 15),
    serverNoContextTakeover: boolean(options, "serverNoContextTakeover"),
    clientNoContextTakeover: boolean(options, "clientNoContextTakeover"),
    keepFullPeerWindow: boolean(options, "keepFullPeerWindow"),
  };
}
