/** A WebSocket route on node:http alone: decide, and send the answer. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { decideUpgrade } from "./decide-upgrade.ts";
import type { RouteSession } from "./decide-upgrade.ts";
import { sendDecision } from "./refusal.ts";

/**
 * Answers a request at a WebSocket route: 101 and then the handler, or a refusal. Headers that `response` has already
 * go out with either.
 *
 * @throws As {@link decideUpgrade}; nothing has been sent then.
 */
export async function serveUpgrade(
  request: IncomingMessage,
  response: ServerResponse,
  session: RouteSession,
): Promise<void> {
  sendDecision(response, await decideUpgrade(request, session));
}
