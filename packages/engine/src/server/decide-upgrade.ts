/** What an adapter asks inside its framework's route: may this request become a connection, and what is the answer? */

import { AsyncResource } from "node:async_hooks";
import type { IncomingMessage } from "node:http";
import type { Conn } from "../conn/conn.ts";
import type { OpenConnInit } from "../conn/open-conn.ts";
import { runHandler } from "../conn/run-handler.ts";
import { acceptUpgrade } from "./accept-upgrade.ts";
import type { AcceptedUpgrade } from "./accept-upgrade.ts";
import {
  checkUnattached,
  checkUpgrade,
  type CheckedUpgrade,
  type RefusedUpgrade,
  type UpgradePolicy,
  type UpgradeSite,
} from "./check-upgrade.ts";
import { PendingUpgrade } from "./pending-upgrade.ts";
import { refuse, type UpgradeDecision } from "./refusal.ts";
import { reportFault } from "./report-fault.ts";

/** What runs on the connection of one request. */
export interface HandlerSession extends UpgradeSite {
  /** Started after the 101 has gone out, in the AsyncLocalStorage context of the call of {@link decideUpgrade}. */
  readonly handler: (conn: Conn) => unknown;
  /** Gets what the handler throws, and what else DESIGN calls a fault. A promise that it returns is awaited. */
  readonly onError: (error: unknown, conn: Conn) => unknown;
  /** Gets the end of this very connection when it escapes the handler: nothing is wrong. @default nobody */
  readonly onEnd?: ((error: unknown, conn: Conn) => void) | undefined;
}

/** A route and its handler, for one request. */
export interface RouteSession extends HandlerSession {
  /** An Upgrader. */
  readonly upgrader: UpgradePolicy;
  /** Checks messages when the route has a contract. */
  readonly checks?: Checks;
}

type Checks = OpenConnInit<unknown>["checks"];

/**
 * Decides about a request that has reached a WebSocket route.
 *
 * An ordinary request is refused with 426. An accepted one becomes a connection when its response has finished with
 * status 101; with any other status, or without one, the handler never runs. The caller sends the response in either
 * case: through its framework, or with {@link sendAccepted} and `sendDecision`.
 *
 * @throws HandshakeError `WS_NOT_ATTACHED` when the server was not attached; TypeError when an option or header of the
 * application is wrong, or the request has been accepted before; whatever its `checkOrigin` or `error` throws.
 */
export async function decideUpgrade(
  request: IncomingMessage,
  session: RouteSession,
): Promise<UpgradeDecision> {
  return decideByPolicy(request, session.upgrader, session.checks, session);
}

/** Decides as {@link decideUpgrade}: at once unless the application is asked. */
export function decideByPolicy(
  request: IncomingMessage,
  upgrader: UpgradePolicy,
  checks: Checks,
  session: HandlerSession,
): UpgradeDecision | Promise<UpgradeDecision> {
  const { options } = upgrader;
  const pending = PendingUpgrade.of(request);
  if (pending === undefined) return refuse(request, checkUnattached(request), options.error);
  if (options.handshakeTimeout !== undefined) pending.limitTo(options.handshakeTimeout);
  const conclude = (
    checked: RefusedUpgrade | CheckedUpgrade,
  ): UpgradeDecision | Promise<UpgradeDecision> => {
    if (checked.error !== undefined) return refuse(request, checked, options.error);
    acceptUpgrade(pending, checked, upgrader, new HandlerStart(session, checks));
    const { headers } = checked.handshake;
    return { accepted: true, status: 101, headers, body: "", error: undefined };
  };
  const checked = checkUpgrade(request, pending, upgrader, session);
  return checked instanceof Promise ? checked.then(conclude) : conclude(checked);
}

/** What an accepted request leads to, in the AsyncLocalStorage context in which this was made. */
class HandlerStart extends AsyncResource implements AcceptedUpgrade {
  readonly checks: Checks;
  readonly #session: HandlerSession;

  constructor(session: HandlerSession, checks: Checks) {
    super("LongwireHandler");
    this.#session = session;
    this.checks = checks;
  }

  opened(conn: Conn): void {
    this.runInAsyncScope(startHandler, undefined, this.#session, conn);
  }

  /** The framework knows: it sent the other response, or saw the socket close. */
  abandoned(): void {}
}

/** Starts the handler behind the other `finish` listeners, so that an access log has its line first. */
function startHandler(session: HandlerSession, conn: Conn): void {
  const report = (error: unknown): void => {
    reportFault(() => session.onError(error, conn));
  };
  const onEnd = (error: unknown): void => {
    reportFault(() => session.onEnd?.(error, conn));
  };
  queueMicrotask(() => runHandler(conn, () => session.handler(conn), report, onEnd));
}

/**
 * Sends the 101 of an accepted request on its response, as middleware has left it: for chains that come back, such as
 * Koa's and Hono's, and for Express. Does nothing when the request was not accepted, or a response was sent.
 */
export function sendAccepted(request: IncomingMessage): void {
  PendingUpgrade.of(request)?.send();
}
