/** Upgrader: turns upgrade requests into connections, like gorilla's `websocket.Upgrader`. */

import { ServerResponse, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { HandshakeError } from "../errors.ts";
import type { Conn } from "../conn/conn.ts";
import { acceptUpgrade } from "./accept-upgrade.ts";
import {
  checkUnattached,
  checkUpgrade,
  type CheckedUpgrade,
  type RefusedUpgrade,
  type UpgradePolicy,
  type UpgradeSite,
} from "./check-upgrade.ts";
import { ConnectionSlots } from "./connection-slots.ts";
import { inheritOptions } from "./inherit-options.ts";
import { checkRouteOptionNames } from "./option-names.ts";
import { PendingUpgrade } from "./pending-upgrade.ts";
import { receiveUpgrade } from "./receive-upgrade.ts";
import { refuse, sendDecision } from "./refusal.ts";
import { guardSocket, ignoreError } from "./refuse-socket.ts";
import {
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  resolveUpgraderOptions,
  type ResolvedUpgraderOptions,
  type UpgraderOptions,
} from "./upgrade-options.ts";

export class Upgrader implements UpgradePolicy {
  readonly options: ResolvedUpgraderOptions;
  /** Its connections, where there is a limit: `maxConnections` and `maxConnectionsPerAddress` count those of one Upgrader. */
  readonly slots: ConnectionSlots;

  readonly #given: UpgraderOptions;

  /**
   * @param outer - Whose options hold where `options` leaves them out, and whose limits hold besides: connections of
   * this Upgrader count there too.
   * @throws TypeError | RangeError naming the option and its value.
   */
  constructor(options: UpgraderOptions = {}, outer?: Upgrader) {
    checkRouteOptionNames(options);
    this.#given = outer === undefined ? options : inheritOptions(outer.#given, options);
    this.options = resolveUpgraderOptions(this.#given);
    const { maxConnections, maxConnectionsPerAddress } = this.options;
    this.slots = new ConnectionSlots(maxConnections, maxConnectionsPerAddress, outer?.slots);
  }

  /**
   * Upgrades a request on an attached server. The 101 goes out then and there, with the headers that the response has
   * by then, so middleware cannot add to it afterwards; a route handler of an adapter waits for them.
   * The connection is the caller's: no handler's return closes it.
   *
   * @throws HandshakeError when the request is refused, and the refusal has been written; when the peer has gone;
   * `WS_NOT_ATTACHED` when the server was not attached. An ordinary request rejects with status 426, and the caller
   * writes the answer.
   */
  upgrade(request: IncomingMessage, site?: UpgradeSite): Promise<Conn>;
  /**
   * Upgrades a request from a listener for the server's `upgrade` event, without {@link attach}.
   *
   * @param socket - The event's socket. It gets an `error` listener before anything else happens.
   * @param head - The event's third argument: what the peer sent behind its request. No byte of it is lost.
   * @throws HandshakeError as above; the refusal has been written.
   */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    site?: UpgradeSite,
  ): Promise<Conn>;
  upgrade(
    request: IncomingMessage,
    second: Duplex | UpgradeSite = {},
    head?: Buffer,
    site: UpgradeSite = {},
  ): Promise<Conn> {
    const upgraded =
      head === undefined
        ? this.#upgradePending(request, second as UpgradeSite) // by the overloads: without a head it is no socket
        : this.#upgradeSocket(request, second as Duplex, head, site);
    upgraded.catch(ignoreError); // a refusal that nobody awaits must not end the process
    return upgraded;
  }

  #upgradePending(request: IncomingMessage, site: UpgradeSite): Promise<Conn> {
    const pending = PendingUpgrade.of(request);
    return pending === undefined ? rejectUnattached(request) : this.#decide(request, pending, site);
  }

  async #upgradeSocket(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    site: UpgradeSite,
  ): Promise<Conn> {
    guardSocket(socket);
    const timeout = this.options.handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT_MS;
    const pending =
      PendingUpgrade.of(request) ??
      receiveUpgrade(request, socket, head, {
        timeout,
        home: undefined,
        server: undefined,
        Response: ServerResponse,
      });
    if (pending === undefined) {
      throw new HandshakeError(
        400,
        "the request has a body or too many headers, or its peer has gone",
      );
    }
    try {
      const decided = this.#decide(request, pending, site);
      pending.watch();
      return await decided;
    } catch (error) {
      // There is no framework that would answer for a check that threw. A refusal has been written already.
      if (!pending.response.headersSent) {
        pending.cut(500, "WS_HANDSHAKE_ABORTED", "a check of the application threw");
      }
      throw error;
    }
  }

  #decide(request: IncomingMessage, pending: PendingUpgrade, site: UpgradeSite): Promise<Conn> {
    const { handshakeTimeout } = this.options;
    return new Promise<Conn>((resolve, reject) => {
      if (handshakeTimeout !== undefined) pending.limitTo(handshakeTimeout);
      const answer = (checked: RefusedUpgrade | CheckedUpgrade): void => {
        if (checked.error !== undefined) {
          this.#refuse(request, pending, checked).catch(reject);
          return;
        }
        acceptUpgrade(pending, checked, this, { opened: resolve, abandoned: reject });
        pending.send();
      };
      const checked = checkUpgrade(request, pending, this, site);
      if (checked instanceof Promise) checked.then(answer).catch(reject);
      else answer(checked);
    });
  }

  async #refuse(
    request: IncomingMessage,
    pending: PendingUpgrade,
    refused: RefusedUpgrade,
  ): Promise<never> {
    sendDecision(pending.response, await refuse(request, refused, this.options.error));
    throw refused.error;
  }
}

async function rejectUnattached(request: IncomingMessage): Promise<never> {
  throw checkUnattached(request).error;
}
