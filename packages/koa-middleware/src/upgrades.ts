/** `ctx.upgrade()` and `ctx.isUpgrade`, for middleware that decides in the middle of a chain. */

import {
  HandshakeError,
  isWebSocketUpgrade,
  runHandler,
  SocketRoute,
  Upgrader,
} from "@longwire/engine";
import type { Conn, UpgraderOptions } from "@longwire/engine";
import type { Context, Middleware } from "koa";
import { ignoreReset } from "./accepted-context.ts";

/** What {@link upgrades} adds to the context. */
export interface UpgradeContext {
  /** The request asks for a WebSocket. */
  readonly isUpgrade: boolean;
  /**
   * Sends the 101 then and there, with the headers set so far, and gives the connection: it is the caller's, no
   * middleware's return closes it. An error that the chain throws afterwards closes it with 1011 and goes to
   * `app.on("error")`, unless it is the end of this very connection.
   *
   * @throws HandshakeError when the request is refused. Koa answers an ordinary request with 426; any other refusal has
   * been sent.
   */
  upgrade(options?: UpgraderOptions): Promise<Conn>;
}

declare module "koa" {
  interface BaseContext extends UpgradeContext {}
}

/** Adds `ctx.upgrade()` and `ctx.isUpgrade` for the middleware behind it. `options` are those of the Upgrader. */
export function upgrades(options: UpgraderOptions = {}): Middleware {
  const upgrader = new Upgrader(options);
  return async (ctx, next) => {
    let chain: RunningChain | undefined;
    const upgrade = async (own?: UpgraderOptions): Promise<Conn> => {
      const conn = await accept(ctx, own === undefined ? upgrader : SocketRoute.of(own).upgrader);
      chain = watchChain(conn, ctx);
      return conn;
    };
    Object.defineProperties(ctx, {
      isUpgrade: { configurable: true, get: () => isWebSocketUpgrade(ctx.req) },
      upgrade: { configurable: true, value: upgrade },
    });
    try {
      await next();
    } catch (error) {
      if (chain === undefined) throw error;
      chain.fail(error);
    }
  };
}

async function accept(ctx: Context, upgrader: Upgrader): Promise<Conn> {
  if (isWebSocketUpgrade(ctx.req)) {
    ctx.respond = false; // the answer goes out here, whichever it is
    ignoreReset(ctx);
  }
  try {
    return await upgrader.upgrade(ctx.req, { host: ctx.host, address: ctx.ip });
  } catch (error) {
    throw error instanceof HandshakeError ? asKoaError(error) : error;
  }
}

/** Gives a refusal what Koa looks at. One below 500 is the peer's doing: Koa's own log leaves it out. */
function asKoaError(error: HandshakeError): HandshakeError {
  const headers = error.status === 426 ? { Upgrade: "websocket", Connection: "Upgrade" } : {};
  return Object.assign(error, { expose: error.status < 500, headers });
}

interface RunningChain {
  /** The middleware has thrown, once the connection was open. */
  fail(error: unknown): void;
}

/** Makes the chain the connection's handler, one that never returns: it may fail, and its errors have a channel. */
function watchChain(conn: Conn, ctx: Context): RunningChain {
  let fail!: RunningChain["fail"];
  const chain = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  runHandler(
    conn,
    () => chain,
    (error) => ctx.app.emit("error", error, ctx),
  );
  return { fail };
}
