/** `ctx.upgrade()` and `ctx.isUpgrade`, for middleware that decides in the middle of a chain. */

import { isWebSocketUpgrade, SocketRoute, Upgrader } from "@longwire/engine";
import type { Conn, UpgraderOptions } from "@longwire/engine";
import type { Context, Middleware } from "koa";

/** What {@link upgrades} adds to the context. */
export interface UpgradeContext {
  /** The request asks for a WebSocket. */
  readonly isUpgrade: boolean;
  /**
   * Sends the 101 then and there, with the headers set so far, and gives the connection: it is the caller's, no
   * middleware's return closes it.
   *
   * @throws HandshakeError when the request is refused; the refusal has been sent.
   */
  upgrade(options?: UpgraderOptions): Promise<Conn>;
}

declare module "koa" {
  interface BaseContext extends UpgradeContext {}
}

/** Adds `ctx.upgrade()` and `ctx.isUpgrade` for the middleware behind it. `options` are those of the Upgrader. */
export function upgrades(options: UpgraderOptions = {}): Middleware {
  const upgrader = new Upgrader(options);
  return (ctx, next) => {
    Object.defineProperties(ctx, {
      isUpgrade: { get: () => isWebSocketUpgrade(ctx.req) },
      upgrade: {
        value: (own?: UpgraderOptions) =>
          upgrade(ctx, own === undefined ? upgrader : SocketRoute.of(own).upgrader),
      },
    });
    return next();
  };
}

async function upgrade(ctx: Context, upgrader: Upgrader): Promise<Conn> {
  ctx.respond = false; // the answer goes out here, whichever it is
  return upgrader.upgrade(ctx.req, { host: ctx.host, address: ctx.ip });
}
