/** `connect`: opens a connection to a route, typed by its contract. */

import type { ClientIn, ClientOut, Messages, Out, StandardSchema } from "@longwire/engine";
import { ClientConn } from "./client-conn.ts";
import type { InvalidMessageError } from "./errors.ts";
import type { WebSocketConstructor } from "./web-socket.ts";

export interface ConnectOptions {
  /** Subprotocols to offer, in this order. @default none */
  readonly protocols?: string | readonly string[] | undefined;
  /**
   * Closes the connection when aborted, also while it opens; reading then throws the signal's reason, as `fetch` does.
   * For an end without an error call `close()`.
   */
  readonly signal?: AbortSignal | undefined;
  /** The class to make the WebSocket with: that of undici or ws where there is no global one. @default the global one */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /** Gets what is wrong with a message, which iteration then skips. @default it is thrown, and the connection closed */
  readonly onInvalid?: ((error: InvalidMessageError) => void | Promise<void>) | undefined;
  /**
   * Bytes that may wait to be read, 64 for each message included. Beyond it the connection is closed with 4008, since
   * a browser's WebSocket cannot be paused.
   *
   * @default 16_777_216 (16 MiB)
   */
  readonly maxUnreadBytes?: number | undefined;
}

/** Options of a connection whose messages are checked. */
export interface CheckedConnectOptions<M extends Messages> extends ConnectOptions {
  /**
   * The contract as a value. Its `outgoing` checks what the server sends, and reading gives what it makes of that: so
   * it has to accept what is left of its own output behind JSON, which `z.date()` does not and `z.coerce.date()` does.
   */
  readonly messages: M & ReadsItsOwnJson<M>;
}

/** Anything for an `outgoing` schema that accepts its own JSON, else what no schema is. */
type ReadsItsOwnJson<M extends Messages> =
  ClientIn<M> extends Out<M> ? unknown : { readonly outgoing: "does not accept its own JSON" };

/** What reading gives behind that check. */
type Checked<M extends Messages> =
  M["outgoing"] extends StandardSchema<unknown, infer Value> ? Value : unknown;

const DEFAULT_MAX_UNREAD_BYTES = 16_777_216;

/**
 * Connects to a route. The contract comes by type, and nothing of it is in the bundle:
 * `connect<typeof chat>("/chat/blue")`; or by value, and then what the server sends is checked.
 *
 * @param url - ws, wss, http or https, or relative to the page.
 * @returns At once: what is sent meanwhile waits, and what is received is kept.
 * @throws TypeError | RangeError naming the value; the signal's reason when it has been aborted already.
 */
export function connect<M extends Messages>(
  url: string | URL,
  options: CheckedConnectOptions<M>,
): ClientConn<Checked<M>, ClientOut<M>>;
export function connect<M extends Messages = Messages>(
  url: string | URL,
  options?: ConnectOptions,
): ClientConn<ClientIn<M>, ClientOut<M>>;
export function connect(
  url: string | URL,
  options: ConnectOptions & { readonly messages?: Messages } = {},
): ClientConn {
  const { messages, protocols = [], signal, onInvalid } = options;
  const { maxUnreadBytes = DEFAULT_MAX_UNREAD_BYTES } = options;
  const WebSocket = options.WebSocket ?? globalThis.WebSocket;
  if (typeof WebSocket !== "function") {
    throw new TypeError("there is no WebSocket here: give that of undici or ws as an option");
  }
  if (!(maxUnreadBytes > 0)) {
    throw new RangeError(`maxUnreadBytes must be a positive number, got ${maxUnreadBytes}`);
  }
  const schema = messages?.outgoing;
  if (schema !== undefined && typeof schema["~standard"]?.validate !== "function") {
    throw new TypeError("messages.outgoing must be a Standard Schema");
  }
  const address = webSocketUrl(url);
  signal?.throwIfAborted();
  return new ClientConn({
    socket: new WebSocket(address, [protocols].flat()),
    url: address,
    schema,
    signal,
    onInvalid,
    maxUnreadBytes,
  });
}

/** @throws TypeError for what is no address of a WebSocket. */
function webSocketUrl(url: string | URL): string {
  // document.baseURI heeds a <base> of the page; a worker has its location only, Node none.
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  let address: URL;
  try {
    address = new URL(url, base);
  } catch (cause) {
    const why = base === undefined ? ", and there is no page that it could be relative to" : "";
    throw new TypeError(`${url} is no URL${why}`, { cause });
  }
  address.protocol = address.protocol.replace("http", "ws");
  if (!/^wss?:/.test(address.protocol)) {
    throw new TypeError(`the URL must begin with ws, wss, http or https, got ${url}`);
  }
  return address.href;
}
