/** A WebSocket route as an adapter registers it: its options resolved once, its messages' checks made once. */

import type { IncomingMessage } from "node:http";
import type { Conn } from "../conn/conn.ts";
import { checksOf } from "../messages/contract.ts";
import type { In, MessageChecks, Messages, Out } from "../messages/contract.ts";
import { decideByPolicy } from "./decide-upgrade.ts";
import type { HandlerSession } from "./decide-upgrade.ts";
import type { UpgradeSite } from "./check-upgrade.ts";
import type { UpgradeDecision } from "./refusal.ts";
import type { UpgraderOptions } from "./upgrade-options.ts";
import { Upgrader } from "./upgrader.ts";

/** Options of one route. */
export interface RouteOptions<M extends Messages = Messages> extends UpgraderOptions {
  /** Schemas of the messages: they type the handler's Conn and check what goes through it. @default none */
  readonly messages?: M | undefined;
}

/** A request at a route: what the adapter knows of it, and what becomes of it. */
export interface RouteRequest<M extends Messages> extends UpgradeSite {
  readonly handler: (conn: Conn<In<M>, Out<M>>) => unknown;
  /** Gets errors of the handler after the 101. */
  readonly onError: (error: unknown, conn: Conn<In<M>, Out<M>>) => unknown;
  /** Gets the end of the connection when it escapes the handler. */
  readonly onEnd?: ((error: unknown, conn: Conn<In<M>, Out<M>>) => void) | undefined;
  /** Checks in place of those of `messages`, for a framework that compiles schemas itself. */
  readonly checks?: MessageChecks | undefined;
}

const DEFAULT_OPTIONS: RouteOptions = {};
const byOptions = new WeakMap<RouteOptions, SocketRoute>();

export class SocketRoute<M extends Messages = Messages> {
  readonly upgrader: Upgrader;
  readonly #checks: MessageChecks;

  /** @throws TypeError | RangeError naming the option and its value. */
  constructor(options: RouteOptions<M> = {}) {
    this.upgrader = new Upgrader(options);
    this.#checks = checksOf(options.messages ?? {});
  }

  /**
   * The route of these options: made once for each object, so that its limits count across requests.
   *
   * @throws As the constructor.
   */
  static of<M extends Messages>(
    options: RouteOptions<M> = DEFAULT_OPTIONS as RouteOptions<M>,
  ): SocketRoute<M> {
    let route = byOptions.get(options) as SocketRoute<M> | undefined; // stored under the very options
    if (route === undefined) {
      route = new SocketRoute(options);
      byOptions.set(options, route); // M only types the handler
    }
    return route;
  }

  /** Decides about a request. @throws As `decideUpgrade`. */
  async decide(request: IncomingMessage, route: RouteRequest<M>): Promise<UpgradeDecision> {
    return this.decideAtOnce(request, route);
  }

  /** Decides in the turn of the request, unless the application is asked. @throws As `decideUpgrade`, or rejects so. */
  decideAtOnce(
    request: IncomingMessage,
    route: RouteRequest<M>,
  ): UpgradeDecision | Promise<UpgradeDecision> {
    // The connection is opened with the checks of M.
    const session = route as RouteRequest<Messages> as HandlerSession;
    return decideByPolicy(request, this.upgrader, route.checks ?? this.#checks, session);
  }
}
