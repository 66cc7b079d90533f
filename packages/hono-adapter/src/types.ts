/** What the adapter's functions take and give: Hono's inferred types carried through to the handler. */

import type { getRequestListener, serve } from "@hono/node-server";
import type { Conn, In, Messages, Out, RouteOptions } from "@longwire/engine";
import type { Context, Next, TypedResponse } from "hono";
import type { WSEvents } from "hono/ws";

export type FetchCallback = Parameters<typeof getRequestListener>[0];
export type ServeOptions = Parameters<typeof serve>[0];
export type OnListening = NonNullable<Parameters<typeof serve>[1]>;

/** A Hono app, or what stands around its `fetch`. */
export interface FetchApp {
  readonly fetch: FetchCallback;
}

/** The statuses that Hono has a type for. */
export type StatusCode = Parameters<Context["status"]>[0];

/** What a WebSocket route answers with; `hc` gives such a route its `$ws`. */
export type WebSocketResponse = Response & TypedResponse<{}, StatusCode, "ws">;

/** Runs on the connection once the 101 has gone out. `c` is the context of the upgrade request. */
export type WebSocketHandler<M extends Messages, C extends Context> = (
  conn: Conn<In<M>, Out<M>>,
  c: C,
) => unknown;

/**
 * The short form's route handler. Its `c` is any context and has no type parameters, so that Hono infers path,
 * variables and input from the rest of the route alone, for `hc`.
 */
export type WebSocketRoute = (c: object) => Promise<WebSocketResponse>;

/** Both forms of `websocket`. */
export interface WebSocketFunction {
  /**
   * Makes a connection of the request inside a handler of Hono's: `c` keeps every inferred type (parameters, variables,
   * validated input), and the same URL can answer ordinary requests with a page.
   *
   * The 101 goes out when the chain of middleware has come back, with the headers and cookies that the response has by
   * then. A refusal is an ordinary response: 426 for a request that is no WebSocket handshake, 403 for a foreign origin.
   *
   * @throws HandshakeError `WS_NOT_ATTACHED` when nobody called `attach(server, app)`; TypeError | RangeError naming an
   * option that is wrong.
   */
  <C extends Context>(c: C, handler: WebSocketHandler<Messages, C>): Promise<WebSocketResponse>;
  <C extends Context, const M extends Messages>(
    c: C,
    options: WebSocketOptions<M, C> | undefined,
    handler: WebSocketHandler<M, C>,
  ): Promise<WebSocketResponse>;
  /**
   * Makes a route handler that is a WebSocket and nothing else: a plain GET is answered with 426. `c` has no types of
   * the route here, since none can reach a function that is called before its route is there.
   */
  <C extends Context = Context>(handler: WebSocketHandler<Messages, C>): WebSocketRoute;
  <const M extends Messages, C extends Context = Context>(
    options: WebSocketOptions<M, C> | undefined,
    handler: WebSocketHandler<M, C>,
  ): WebSocketRoute;
}

/**
 * Options of one route. Make the object once, outside the handler: `maxConnections` and `maxConnectionsPerAddress`
 * count the connections of one object.
 */
export interface WebSocketOptions<
  M extends Messages = Messages,
  C extends Context = Context,
> extends RouteOptions<M> {
  /**
   * The host that the peer asked for, as an origin has to name it. Behind a proxy that rewrites Host, read what it
   * sends instead, and only when every request comes through it: `(c) => c.req.header("X-Forwarded-Host")`.
   * undefined takes the default.
   *
   * @default the Host header
   */
  readonly host?: ((c: C) => string | undefined) | undefined;
  /**
   * The peer's address, for `conn.remoteAddress` and `maxConnectionsPerAddress`. Behind a proxy, read what that one
   * proxy has appended: `(c) => c.req.header("X-Forwarded-For")?.split(",").at(-1)?.trim()`. undefined takes the
   * default.
   *
   * @default the socket's address
   */
  readonly address?: ((c: C) => string | undefined) | undefined;
  /**
   * Gets what the handler throws, and what else goes wrong on the connection, after the 101: Hono's own `onError` can
   * no longer answer then. The end of the connection is no error. A promise that it returns is awaited.
   *
   * @default console.error
   */
  readonly onError?: ((error: unknown, conn: Conn<In<M>, Out<M>>, c: C) => unknown) | undefined;
}

/**
 * The route handler of `upgradeWebSocket`. It leaves ordinary requests to the next one, which its type does not say:
 * older versions of Hono find no `$ws` in a union with void.
 */
export type EventRoute = (c: object, next: Next) => Promise<WebSocketResponse>;

type CallbackOf<F> = F extends (...values: infer V) => void ? (...values: V) => unknown : never;

/** The callbacks of `upgradeWebSocket`: those of `hono/ws`, which may be async here. `ws.raw` is the Conn. */
export type SocketEvents = {
  readonly [K in keyof WSEvents<Conn>]?: CallbackOf<NonNullable<WSEvents<Conn>[K]>> | undefined;
};

export type CreateEvents = (c: Context) => SocketEvents | Promise<SocketEvents>;

/** Both forms of `upgradeWebSocket`. */
export interface UpgradeWebSocketFunction {
  /**
   * Makes a route handler of callbacks. They run one after the other, each when the promise of the one before has
   * settled, so that an async `onMessage` holds back the peer. What they throw goes to `onError` of the options, and
   * the connection goes on. A request that is no WebSocket handshake goes on to the next handler.
   *
   * @param createEvents - Called before the handshake is accepted: what it throws is answered by the app's `onError`.
   */
  (createEvents: CreateEvents, options?: WebSocketOptions): EventRoute;
  /** The same inside a handler, where `c` has the types of its route. */
  (c: Context, events: SocketEvents, options?: WebSocketOptions): Promise<WebSocketResponse>;
}
