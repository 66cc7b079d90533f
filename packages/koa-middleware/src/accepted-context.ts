/**
 * A context whose request has been accepted: what Koa would do with its response, and must not.
 *
 * What is put on a context is the same for all of them, since V8 keeps a closure that is stored in a property to its next
 * full collection, with all that it can see: a third of what the handshakes of an app allocate.
 */

import type { Context } from "koa";

const EARLIER: unique symbol = Symbol("longwire.onerror");

type OnError = Context["onerror"];

interface AcceptedContext extends Context {
  /** Koa's own, or what the application has put in its place. */
  [EARLIER]?: OnError;
}

/**
 * Leaves the 101 to `attach`, which sends it when the chain has come back. Middleware that changes the status until then
 * answers by Koa's own means: the request is refused after all.
 */
export function leaveToAttach(ctx: Context): void {
  Object.defineProperty(ctx, "respond", RESPOND);
}

const RESPOND: PropertyDescriptor & ThisType<Context> = {
  configurable: true,
  get() {
    return this.status !== 101;
  },
  set(value: boolean) {
    Object.defineProperty(this, "respond", { value, writable: true });
  },
};

/** Keeps Koa from telling the app of a peer that resets its connection while the 101 goes out: that is no fault. */
export function ignoreReset(ctx: Context): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its context below
  (ctx as AcceptedContext)[EARLIER] = ctx.onerror;
  ctx.onerror = onErrorButReset;
}

function onErrorButReset(this: AcceptedContext, error: Error): void {
  if (error !== this.req.socket.errored) this[EARLIER]?.(error);
}
