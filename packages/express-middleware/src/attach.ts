/** `attach`: lets an Express app answer the upgrade requests of its server. */

import { attach as attachListener } from "@longwire/engine";
import type { Attachment, AttachOptions } from "@longwire/engine";
import type { Application } from "express";
import { appResponse } from "./app-response.ts";

type Server = Parameters<typeof attachListener>[0];

/**
 * Sends the upgrade requests of `server` through `app`, as `attach(app.listen(3000), app)`. Nothing of Express is
 * changed, so that any copy and version of it, any Router and any sub-app will do.
 *
 * @throws TypeError | RangeError naming the value.
 */
export function attach(server: Server, app: Application, options?: AttachOptions): Attachment {
  return attachListener(server, app, { ServerResponse: appResponse(app), ...options });
}
