/** `websocket`: an Express route that becomes a connection, in two forms. */

import type { IncomingMessage } from "node:http";
import { sendDecision, SocketRoute } from "@longwire/engine";
import type { Conn, In, Messages, Out, RouteOptions, RouteRequest } from "@longwire/engine";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import { hostOf } from "./host-of.ts";
import type { SocketRequestHandler } from "./router-types.ts";
import { shielded } from "./shielded-socket.ts";

/** Gets the connection, and the request with the types of its route. */
export type SocketHandler<M extends Messages, Req> = (
  conn: Conn<In<M>, Out<M>>,
  request: Req,
) => unknown;

/** Options of one route: those of the Upgrader, the messages' schemas, and where errors go. */
export interface SocketOptions<
  M extends Messages = Messages,
  Req = Request,
> extends RouteOptions<M> {
  /**
   * Gets errors of the handler, once the 101 has gone out.
   *
   * @default `next(error)`: the app's error handlers, with `response.headersSent`. Express runs each of them once for a
   * request; a second error of the same connection, such as a second message that fails its schema, is printed by
   * Express itself
   */
  readonly onError?:
    | ((error: unknown, conn: Conn<In<M>, Out<M>>, request: Req) => unknown)
    | undefined;
}

/** Where answers and errors go. */
interface Outlets {
  readonly response: Response;
  readonly next: NextFunction;
}

/**
 * Upgrades the request inside a route handler: every type of the request is kept, and one URL can serve a page too.
 * Errors, such as a route that was reached without `attach`, go to `next(error)`. As with `res.send()`, headers have to be
 * set before.
 *
 * @returns When the answer has been sent: 101, or a refusal. Never rejects.
 * @throws TypeError for a request that does not come from an Express route.
 */
export function websocket<Req extends IncomingMessage>(
  request: Req,
  handler: (conn: Conn, request: Req) => unknown,
): Promise<void>;
export function websocket<const M extends Messages, Req extends IncomingMessage>(
  request: Req,
  options: SocketOptions<M, Req>,
  handler: SocketHandler<M, Req>,
): Promise<void>;
/** Makes a route handler. A plain GET is answered with 426. */
export function websocket<P = Record<string, string>>(
  handler: (conn: Conn, request: Request<P>) => unknown,
): SocketRequestHandler<P>;
export function websocket<const M extends Messages, P = Record<string, string>>(
  options: SocketOptions<M, Request<P>>,
  handler: SocketHandler<M, Request<P>>,
): SocketRequestHandler<P>;
export function websocket(...values: readonly unknown[]): RequestHandler | Promise<void> {
  const handler = values.at(-1);
  if (typeof handler !== "function")
    throw new TypeError(`websocket: the handler must be a function, got ${typeof handler}`);
  const call = handler as SocketHandler<Messages, Request>; // by the overloads
  const [first, second] = values;
  if (isRequest(first)) {
    const options = values.length > 2 ? (second as SocketOptions) : NO_OPTIONS; // by the overloads
    return serve(options, first, outletsOf(first), call);
  }
  const options = values.length > 1 ? (first as SocketOptions) : NO_OPTIONS; // by the overloads
  SocketRoute.of(options); // a bad option shows when the route is declared
  return (request, response, next) => {
    void serve(options, request, { response, next }, call);
  };
}

const NO_OPTIONS: SocketOptions = {};

function isRequest(value: unknown): value is Request {
  return typeof value === "object" && value !== null && "rawHeaders" in value;
}

/** What Express puts on each request. */
function outletsOf({ res: response, next }: Request): Outlets {
  if (response === undefined || next === undefined) {
    throw new TypeError("websocket: the request must come from an Express route");
  }
  return { response, next };
}

/** A request at a route. A class and no literal with closures, which takes V8 3 µs more. */
class Visit implements RouteRequest<Messages> {
  readonly host: string | undefined;
  readonly address: string | undefined;
  readonly #options: SocketOptions;
  readonly #request: Request;
  readonly #next: NextFunction;
  readonly #handler: SocketHandler<Messages, Request>;

  constructor(
    options: SocketOptions,
    request: Request,
    next: NextFunction,
    handler: SocketHandler<Messages, Request>,
  ) {
    this.host = hostOf(request);
    this.address = request.ip;
    this.#options = options;
    this.#request = request;
    this.#next = next;
    this.#handler = handler;
  }

  handler(conn: Conn): unknown {
    return this.#handler(conn, this.#request);
  }

  onError(error: unknown, conn: Conn): unknown {
    const { onError } = this.#options;
    if (onError !== undefined) return onError(error, conn, this.#request);
    return Promise.resolve().then(() => this.#next(error)); // behind the close frame, when the error ends the connection
  }
}

/** Decides and answers through Express: middleware that waits for the end of the response sees an ordinary one. */
async function serve(
  options: SocketOptions,
  request: Request,
  { response, next }: Outlets,
  handler: SocketHandler<Messages, Request>,
): Promise<void> {
  try {
    const visit = new Visit(options, request, next, handler);
    const decided = SocketRoute.of(options).decideAtOnce(request, visit);
    const decision = decided instanceof Promise ? await decided : decided;
    if (decision.accepted) request.socket = shielded(request.socket);
    sendDecision(response, decision);
  } catch (error) {
    next(error);
  }
}
