/** `attach`: lets a Koa app answer the upgrade requests of its server. */

import { attach as attachListener, sendAccepted } from "@longwire/engine";
import type { Attachment, AttachOptions } from "@longwire/engine";
import type Application from "koa";

type Server = Parameters<typeof attachListener>[0];
// Of whatever state and context.
type App = Pick<Application<never, never>, "callback">;

/**
 * Sends the upgrade requests of `server` through `app`, as `attach(app.listen(3000), app)`. The 101 goes out when the
 * whole chain has come back: cookies and headers that middleware sets after `await next()` are on it.
 *
 * @throws TypeError | RangeError naming the value.
 */
export function attach(server: Server, app: App, options?: AttachOptions): Attachment {
  const callback = app.callback();
  return attachListener(
    server,
    (request, response) => {
      // Koa answers errors of the chain itself; its promise does not reject.
      void callback(request, response).then(() => sendAccepted(request));
    },
    options,
  );
}
