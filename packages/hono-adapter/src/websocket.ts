/** `websocket`: a Hono route that becomes a connection, in two forms. */

import { isWebSocketUpgrade as isUpgrade, SocketRoute } from "@longwire/engine";
import type { Messages } from "@longwire/engine";
import type { Context } from "hono";
import { acceptedResponse } from "./attach.ts";
import { incomingOf } from "./incoming.ts";
import type {
  StatusCode,
  WebSocketFunction,
  WebSocketHandler,
  WebSocketOptions,
  WebSocketResponse,
  WebSocketRoute,
} from "./types.ts";

function route(...values: readonly unknown[]): WebSocketRoute | Promise<WebSocketResponse> {
  const handler = values.at(-1);
  if (typeof handler !== "function") {
    throw new TypeError(`websocket: the handler must be a function, got ${typeof handler}`);
  }
  const run = handler as WebSocketHandler<Messages, Context>; // by WebSocketFunction, as the casts below
  const [first, second] = values;
  if (isContext(first)) {
    return answer(first, values.length > 2 ? (second as WebSocketOptions) : undefined, run);
  }
  const options = values.length > 1 ? (first as WebSocketOptions | undefined) : undefined;
  SocketRoute.of(options); // a wrong option is found where the route is declared
  return (c) => answer(c as Context, options, run); // Hono calls it
}

export const websocket = route as WebSocketFunction; // which form it is, the values tell

/** Tells whether the request asks for a WebSocket: for a URL that also serves a page. */
export function isWebSocketUpgrade(c: Context): boolean {
  return isUpgrade(incomingOf(c));
}

export function isContext(value: unknown): value is Context {
  return typeof value === "object" && value !== null && "req" in value;
}

async function answer(
  c: Context,
  options: WebSocketOptions | undefined,
  handler: WebSocketHandler<Messages, Context>,
): Promise<WebSocketResponse> {
  const decision = await SocketRoute.of(options).decide(incomingOf(c), {
    host: options?.host?.(c),
    address: options?.address?.(c),
    handler: (conn) => handler(conn, c),
    onError: (error, conn) => (options?.onError ?? printError)(error, conn, c),
  });
  const response = decision.accepted
    ? acceptedResponse(c)
    : c.newResponse(decision.body, {
        status: decision.status as StatusCode, // checked by the engine
        headers: decision.headers.map(([name, value]): [string, string] => [name, value]),
      });
  return response as WebSocketResponse; // the type is what `hc` reads, no property of the object
}

/** The default of the option `onError`. */
export function printError(error: unknown): void {
  // oxlint-disable-next-line no-console -- documented: errors must not vanish
  console.error(error);
}
