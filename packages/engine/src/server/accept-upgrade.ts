/** Acceptance: what happens when the 101 of a checked request has gone out, or never does. */

import type { HandshakeError } from "../errors.ts";
import { CloseCode } from "../close-code.ts";
import { connInside, type Conn } from "../conn/conn.ts";
import { openConn, type OpenConnInit } from "../conn/open-conn.ts";
import type { CheckedUpgrade, UpgradePolicy } from "./check-upgrade.ts";
import type { PendingUpgrade } from "./pending-upgrade.ts";

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
  { handshake, address, release }: CheckedUpgrade,
  { options }: UpgradePolicy,
  then: AcceptedUpgrade,
): void {
  if (pending.accepted) {
    release();
    throw new TypeError("an upgrade request can be accepted once, and this one has been");
  }
  const { home } = pending;
  const { subprotocol, extensions, deflate: negotiated } = handshake;
  const { compression } = options.handshake;
  pending.accept({
    headers: handshake.headers,
    open: (socket, head) => {
      const conn = openConn(socket, head, {
        role: "server",
        options: options.conn,
        subprotocol,
        extensions,
        deflate:
          negotiated === undefined || compression === undefined
            ? undefined
            : { negotiated, options: compression },
        remoteAddress: address,
        checks: then.checks,
      });
      connInside(conn).ending.whenClosed(release);
      home?.conns.add(conn);
      // The server began to close while the 101 was on its way.
      if (home?.draining === true) void conn.close(CloseCode.goingAway);
      then.opened(conn);
      return conn;
    },
    abandon: (error) => {
      release();
      then.abandoned(error);
    },
  });
}
