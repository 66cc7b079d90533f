/** `attach`: lets a Koa app answer the upgrade requests of its server. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { attach as attachListener, sendAccepted } from "@longwire/engine";
import type { Attachment, AttachOptions } from "@longwire/engine";
import type Application from "koa";

type Server = Parameters<typeof attachListener>[0];
/** A Koa app, of whatever state and context. */
export type App = Pick<Application<never, never>, "callback">;

/**
 * Sends the upgrade requests of `server` through `app`, as `attach(app.listen(3000), app)`. The 101 goes out when the
 * whole chain has come back: cookies and headers that middleware sets after `await next()` are on it. As with `listen`,
 * middleware has to be in place before.
 *
 * @throws TypeError | RangeError naming the value.
 */
export function attach(server: Server, app: App, options?: AttachOptions): Attachment {
  if (typeof app?.callback !== "function") {
    throw new TypeError(`app must be a Koa app with its method callback(), got ${typeof app}`);
  }
  const callback = app.callback();
  return attachListener(
    server,
    // Koa answers errors of the chain itself; the engine answers when an `error` listener of the app throws.
    (request, response) => callback(request, response).then(() => ending(request, response)),
    options,
  );
}

/**
 * Sends the 101 of an accepted request. With any other status middleware that came back later has answered instead,
 * perhaps with a stream that has yet to begin: that chain has no 101 at its end.
 */
function ending(request: IncomingMessage, response: ServerResponse): Promise<never> {
  if (response.statusCode === 101) sendAccepted(request);
  return new Promise(() => {});
}
