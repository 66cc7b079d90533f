/** Lets a route's path type the request of a socket handler in the short form, behind any guards. */

import type { RequestHandler } from "express";
import type { RouteParameters } from "express-serve-static-core";

declare const SOCKET: unique symbol;

/** A route handler that `websocket` has made. The mark keeps ordinary handlers out of the overload below. */
export type SocketRequestHandler<P = Record<string, string>> = RequestHandler<P> & {
  readonly [SOCKET]: P;
};

/** A guard in front of a socket handler, whatever it knows of the request. */
type Guard = RequestHandler<never, never, never, never, never>;

declare module "express-serve-static-core" {
  interface IRouterMatcher<T> {
    <Route extends string>(
      path: Route,
      ...handlers: [...guards: Guard[], socket: SocketRequestHandler<RouteParameters<Route>>]
    ): T;
  }
}
