/** node's request behind a Hono context. */

import type { IncomingMessage } from "node:http";
import { requestWithoutPeer } from "@longwire/engine";
import type { Context } from "hono";

/** What @hono/node-server puts into `c.env`; under `server` when the app has bindings of its own. */
interface NodeBindings {
  readonly incoming?: IncomingMessage | undefined;
  readonly server?: { readonly incoming?: IncomingMessage | undefined } | undefined;
}

// On the request itself: what a WeakMap holds outlives V8's scavenges, which took a third of the rate of handshakes.
const INCOMING: unique symbol = Symbol("longwire.incoming");

interface KnownRequest extends Request {
  [INCOMING]?: IncomingMessage;
}

/** Remembers a pair, so that a `fetch` that replaces `c.env` does no harm. */
export function remember(request: Request, incoming: IncomingMessage): void {
  (request as KnownRequest)[INCOMING] = incoming;
}

/** Finds the request; makes one for those of `app.request()`, which come through no server. */
export function incomingOf(c: Context): IncomingMessage {
  const { raw } = c.req;
  const env = c.env as NodeBindings | undefined; // any object; what it lacks is looked for elsewhere
  return (
    env?.server?.incoming ??
    env?.incoming ??
    (raw as KnownRequest)[INCOMING] ??
    requestWithoutPeer(raw)
  );
}
