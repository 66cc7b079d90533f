/** `websocket`: a Koa middleware that becomes a connection, in two forms. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { SocketRoute } from "@longwire/engine";
import type { Conn, In, Messages, Out, RouteOptions, RouteRequest } from "@longwire/engine";
import type { Context, Middleware } from "koa";
import { ignoreReset, leaveToAttach } from "./accepted-context.ts";

/** Gets the connection, and the context with the types of its route. */
export type SocketHandler<M extends Messages, Ctx> = (
  conn: Conn<In<M>, Out<M>>,
  ctx: Ctx,
) => unknown;

/** Options of one route: those of the Upgrader, the messages' schemas, and where errors go. */
export interface SocketOptions<
  M extends Messages = Messages,
  Ctx = Context,
> extends RouteOptions<M> {
  /** Gets errors of the handler, once the 101 has gone out. @default `ctx.app.emit("error", error, ctx)` */
  readonly onError?: ((error: unknown, conn: Conn<In<M>, Out<M>>, ctx: Ctx) => unknown) | undefined;
}

/** A Koa context with whatever state and additions the application has. */
interface AnyContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Upgrades the request inside a middleware: every type of the context is kept, and one URL can serve a page too.
 *
 * @returns When the request is accepted, or refused by `ctx.status` and `ctx.body`. The 101 follows when the chain has
 * come back.
 * @throws HandshakeError `WS_NOT_ATTACHED` when the server was not attached.
 */
export function websocket<Ctx extends AnyContext>(
  ctx: Ctx,
  handler: (conn: Conn, ctx: Ctx) => unknown,
): Promise<void>;
export function websocket<const M extends Messages, Ctx extends AnyContext>(
  ctx: Ctx,
  options: SocketOptions<M, Ctx>,
  handler: SocketHandler<M, Ctx>,
): Promise<void>;
/** Makes a middleware. A plain GET is answered with 426. */
export function websocket<Ctx = Context>(
  handler: (conn: Conn, ctx: Ctx) => unknown,
): (ctx: Ctx) => Promise<void>;
export function websocket<const M extends Messages, Ctx = Context>(
  options: SocketOptions<M, Ctx>,
  handler: SocketHandler<M, Ctx>,
): (ctx: Ctx) => Promise<void>;
export function websocket(...values: readonly unknown[]): Middleware | Promise<void> {
  const handler = values.at(-1);
  if (typeof handler !== "function")
    throw new TypeError(`websocket: the handler must be a function, got ${typeof handler}`);
  const call = handler as SocketHandler<Messages, Context>; // by the overloads
  const [first, second] = values;
  if (isContext(first)) {
    return serve(values.length > 2 ? (second as SocketOptions) : NO_OPTIONS, first, call); // by the overloads
  }
  const options = values.length > 1 ? (first as SocketOptions) : NO_OPTIONS; // by the overloads
  SocketRoute.of(options); // a bad option shows when the route is declared
  return (ctx) => serve(options, ctx, call);
}

const NO_OPTIONS: SocketOptions = {};
const NOT_AWAITED =
  "websocket: Koa has answered already: return or await the promise of websocket(ctx, …), and that of next() in front of it";

function isContext(value: unknown): value is Context {
  return typeof value === "object" && value !== null && "req" in value && "res" in value;
}

/** A request at a route. A class and no literal with closures, which takes V8 3 µs more. */
class Visit implements RouteRequest<Messages> {
  readonly host: string | undefined;
  readonly address: string;
  readonly #options: SocketOptions;
  readonly #ctx: Context;
  readonly #handler: SocketHandler<Messages, Context>;

  constructor(options: SocketOptions, ctx: Context, handler: SocketHandler<Messages, Context>) {
    // Without a proxy it is the Host header, of which the engine sees that there is one, and without parsing them all.
    this.host = ctx.app.proxy ? ctx.host : undefined;
    this.address = ctx.ip;
    this.#options = options;
    this.#ctx = ctx;
    this.#handler = handler;
  }

  handler(conn: Conn): unknown {
    return this.#handler(conn, this.#ctx);
  }

  onError(error: unknown, conn: Conn): unknown {
    const { onError } = this.#options;
    if (onError === undefined) return this.#ctx.app.emit("error", error, this.#ctx);
    return onError(error, conn, this.#ctx);
  }
}

async function serve(
  options: SocketOptions,
  ctx: Context,
  handler: SocketHandler<Messages, Context>,
): Promise<void> {
  const { app } = ctx;
  const decision = await SocketRoute.of(options).decide(ctx.req, new Visit(options, ctx, handler));
  await Promise.resolve(); // by then Koa has answered for a chain that does not wait
  if (ctx.headerSent) {
    app.emit("error", new Error(NOT_AWAITED), ctx);
    return;
  }
  if (decision.accepted) {
    ctx.status = 101;
    leaveToAttach(ctx);
    ignoreReset(ctx);
    return;
  }
  ctx.status = decision.status;
  for (const [name, value] of decision.headers) {
    if (name.toLowerCase() === "set-cookie") ctx.append(name, value);
    else ctx.set(name, value);
  }
  ctx.body = decision.body;
}
