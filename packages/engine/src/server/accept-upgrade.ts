/** Acceptance: what happens when the 101 of a checked request has gone out, or never does. */

import type { Duplex } from "node:stream";
import type { HandshakeError } from "../errors.ts";
import { CloseCode } from "../close-code.ts";
import { connInside, type Conn } from "../conn/conn.ts";
import { openConn, type OpenConnInit } from "../conn/open-conn.ts";
import type { HeaderField } from "../opening-handshake/header-fields.ts";
import type { CheckedUpgrade, UpgradePolicy } from "./check-upgrade.ts";
import type { Acceptance, PendingUpgrade, UpgradeHome } from "./pending-upgrade.ts";

export interface AcceptedUpgrade {
  /** Checks messages when the route has a contract. */
  readonly checks?: OpenConnInit<unknown>["checks"];
  opened(conn: Conn): void;
  abandoned(error: HandshakeError): void;
}

/**
 * Marks a checked request as accepted. Its slot is released when the connection has ended, or at once without one.
 *
 * @throws TypeError when it has been accepted before.
 */
export function acceptUpgrade(
  pending: PendingUpgrade,
  checked: CheckedUpgrade,
  policy: UpgradePolicy,
  then: AcceptedUpgrade,
): void {
  if (pending.accepted) {
    checked.slot?.release();
    throw new TypeError("an upgrade request can be accepted once, and this one has been");
  }
  pending.accept(new CheckedAcceptance(pending.home, checked, policy, then));
}

class CheckedAcceptance implements Acceptance {
  readonly #home: UpgradeHome | undefined;
  readonly #checked: CheckedUpgrade;
  readonly #policy: UpgradePolicy;
  readonly #then: AcceptedUpgrade;

  constructor(
    home: UpgradeHome | undefined,
    checked: CheckedUpgrade,
    policy: UpgradePolicy,
    then: AcceptedUpgrade,
  ) {
    this.#home = home;
    this.#checked = checked;
    this.#policy = policy;
    this.#then = then;
  }

  get headers(): readonly HeaderField[] {
    return this.#checked.handshake.headers;
  }

  open(socket: Duplex, head: Buffer): Conn {
    const { handshake, address, slot } = this.#checked;
    const { conn: options, handshake: agreed } = this.#policy.options;
    const { deflate: negotiated } = handshake;
    const { compression } = agreed;
    const home = this.#home;
    const conn = openConn(socket, head, {
      role: "server",
      options,
      subprotocol: handshake.subprotocol,
      extensions: handshake.extensions,
      deflate:
        negotiated === undefined || compression === undefined
          ? undefined
          : { negotiated, options: compression },
      remoteAddress: address,
      checks: this.#then.checks,
    });
    if (slot !== undefined) connInside(conn).whenClosed(slot);
    home?.conns.add(conn);
    // The server began to close while the 101 was on its way.
    if (home?.draining === true) void conn.close(CloseCode.goingAway);
    this.#then.opened(conn);
    return conn;
  }

  abandon(error: HandshakeError): void {
    this.#checked.slot?.release();
    this.#then.abandoned(error);
  }
}
