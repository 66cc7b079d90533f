/** The checks that an upgrade request has to pass, in gorilla's order, and what the application hears of a failure. */

import type { IncomingMessage } from "node:http";
import { HandshakeError } from "../errors.ts";
import {
  acceptHandshake,
  negotiate,
  type AcceptedHandshake,
  type AcceptOptions,
} from "../opening-handshake/accept-handshake.ts";
import type { HeaderField, HeaderInput } from "../opening-handshake/header-fields.ts";
import {
  checkKey,
  checkOrigin,
  checkRequest,
  isWebSocketUpgrade,
  originRefusal,
  type HandshakeRefusal,
  type HandshakeRequest,
} from "../opening-handshake/server-handshake.ts";
import type { ConnectionSlots, Slot } from "./connection-slots.ts";
import type { PendingUpgrade } from "./pending-upgrade.ts";
import type { CheckOrigin, ResolvedUpgraderOptions } from "./upgrade-options.ts";

/** What an Upgrader decides by. */
export interface UpgradePolicy {
  readonly options: ResolvedUpgraderOptions;
  readonly slots: ConnectionSlots;
}

/** What a framework knows about a request, and wants on its 101. */
export interface UpgradeSite {
  /** The request's host as the framework sees it behind trusted proxies. @default the Host header */
  readonly host?: string | undefined;
  /** The peer's address as the framework sees it behind trusted proxies. @default the socket's */
  readonly address?: string | undefined;
  /** More headers for the 101. `Set-Cookie` joins those that are set already, any other replaces its like. */
  readonly headers?: HeaderInput | undefined;
}

/** A request that is refused. */
export interface RefusedUpgrade {
  readonly error: HandshakeError;
  readonly headers: readonly HeaderField[];
}

/** A request that may be accepted; its slot is taken, where connections are counted. */
export interface CheckedUpgrade {
  readonly error: undefined;
  readonly handshake: AcceptedHandshake;
  readonly address: string | undefined;
  readonly slot: Slot | undefined;
}

function refused(refusal: HandshakeRefusal): RefusedUpgrade {
  return {
    error: new HandshakeError(refusal.status, refusal.reason),
    headers: refusal.headers,
  };
}

/** What no longer depends on the request: it has ended meanwhile, or the server is closing. */
function findObstacle(pending: PendingUpgrade): RefusedUpgrade | undefined {
  const { failure, home, response } = pending;
  if (failure !== undefined) return { error: failure, headers: [] };
  if (response.headersSent) {
    const reason = "another response to the handshake is under way";
    return { error: new HandshakeError(500, reason), headers: [] };
  }
  if (home?.draining !== true) return undefined;
  const error = new HandshakeError(503, "the server is closing", { code: "WS_SERVER_CLOSING" });
  return { error, headers: [] };
}

function checkDefaultOrigin(
  { origins }: HandshakeRequest,
  host: string,
  { handshake, warn }: ResolvedUpgraderOptions,
): HandshakeRefusal | undefined {
  const refusal = checkOrigin(origins, host, handshake.allowedOrigins);
  if (refusal !== undefined) warn(`WebSocket refused with 403: ${refusal.reason}`);
  return refusal;
}

async function askForOrigin(
  request: IncomingMessage,
  { origins }: HandshakeRequest,
  host: string,
  check: CheckOrigin,
): Promise<HandshakeRefusal | undefined> {
  // Several Origin headers are no origin; as one text they can equal none.
  const origin = origins.length === 0 ? undefined : origins.join(", ");
  return (await check(request, origin)) ? undefined : originRefusal(origins, host);
}

/** Over HTTP/2 there is no key to check, and none to answer. RFC 8441 §5 */
function answerHandshake(
  { isExtendedConnect, requestHead }: PendingUpgrade,
  handshake: HandshakeRequest,
  options: AcceptOptions,
): AcceptedHandshake | HandshakeRefusal {
  if (isExtendedConnect) return negotiate(handshake, options);
  const key = checkKey(requestHead);
  return key.refused ? key : acceptHandshake(handshake, key.key, options);
}

/**
 * Refuses a request that no upgrade is pending for: an ordinary HTTP request is told what this URL is for.
 *
 * @throws HandshakeError `WS_NOT_ATTACHED` when it is a WebSocket handshake: nobody has attached the server.
 */
export function checkUnattached(request: IncomingMessage): RefusedUpgrade {
  const checked = checkRequest(request);
  if (checked.refused && !isWebSocketUpgrade(request)) return refused(checked);
  throw new HandshakeError(500, "WebSocket handshake without attach: call attach(server, app)", {
    code: "WS_NOT_ATTACHED",
  });
}

/**
 * Checks a pending upgrade and takes its slot. Without a promise but for the application's `checkOrigin`: each one costs
 * a handshake a microtask.
 *
 * @throws TypeError when the application's options or headers are wrong; whatever its `checkOrigin` throws.
 */
export function checkUpgrade(
  request: IncomingMessage,
  pending: PendingUpgrade,
  policy: UpgradePolicy,
  site: UpgradeSite,
): RefusedUpgrade | CheckedUpgrade | Promise<RefusedUpgrade | CheckedUpgrade> {
  const obstacle = findObstacle(pending);
  if (obstacle !== undefined) return obstacle;
  const handshake = checkRequest(pending.requestHead);
  if (handshake.refused) return refused(handshake);

  const host = site.host ?? handshake.host;
  const { checkOrigin: check } = policy.options;
  if (check === undefined) {
    const problem = checkDefaultOrigin(handshake, host, policy.options);
    return problem === undefined
      ? admit(request, pending, policy, site, handshake)
      : refused(problem);
  }
  return askForOrigin(request, handshake, host, check).then((problem) => {
    if (problem !== undefined) return refused(problem);
    return findObstacle(pending) ?? admit(request, pending, policy, site, handshake); // asking takes time
  });
}

/** The checks behind that of the origin. */
function admit(
  request: IncomingMessage,
  pending: PendingUpgrade,
  { options, slots }: UpgradePolicy,
  site: UpgradeSite,
  handshake: HandshakeRequest,
): RefusedUpgrade | CheckedUpgrade {
  const accepted = answerHandshake(pending, handshake, {
    subprotocols: options.handshake.subprotocols,
    compression: options.handshake.compression,
    headers: site.headers,
  });
  if ("refused" in accepted) return refused(accepted);
  const address = site.address ?? request.socket.remoteAddress;
  const slot = slots.take(address ?? "");
  if (typeof slot !== "number") {
    return { error: undefined, handshake: accepted, address, slot };
  }
  const reason = slot === 503 ? "maxConnections is reached" : "maxConnectionsPerAddress is reached";
  return { error: new HandshakeError(slot, `${reason} (address ${address})`), headers: [] };
}
