/** A context whose request has been accepted: what Koa would do with its response, and must not. */

import type { Context } from "koa";

/**
 * Leaves the 101 to `attach`, which sends it when the chain has come back. Middleware that changes the status until then
 * answers by Koa's own means: the request is refused after all.
 */
export function leaveToAttach(ctx: Context): void {
  Object.defineProperty(ctx, "respond", {
    configurable: true,
    get: () => ctx.status !== 101,
    set: (value: boolean) => {
      Object.defineProperty(ctx, "respond", { value, writable: true });
    },
  });
}

/** Keeps Koa from telling the app of a peer that resets its connection while the 101 goes out: that is no fault. */
export function ignoreReset(ctx: Context): void {
  const { socket } = ctx.res;
  const onerror = ctx.onerror.bind(ctx);
  ctx.onerror = (error) => {
    if (socket === null || error !== socket.errored) onerror(error);
  };
}
