/** The first moments of an upgrade request: each check here was one packet that ended the process. */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { ResponseClass } from "./attach-options.ts";
import { PendingUpgrade, type UpgradeHome } from "./pending-upgrade.ts";
import { refuseSocket } from "./refuse-socket.ts";
import { printFault } from "./report-fault.ts";
import { declaresBody, lostHeaders } from "./upgrade-request.ts";

export interface Reception {
  /** Milliseconds to the 101. */
  readonly timeout: number;
  readonly home: UpgradeHome | undefined;
  /** Has a setting of node's; undefined for node's own. */
  readonly server: Pick<Server, "maxHeadersCount"> | undefined;
  /** Of what class the response is. */
  readonly Response: ResponseClass;
}

/**
 * Makes a pending upgrade of a request whose socket has an `error` listener already.
 *
 * @returns undefined when the request was refused on the socket, or the socket destroyed.
 */
export function receiveUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { timeout, home, server, Response }: Reception,
): PendingUpgrade | undefined {
  if (socket.destroyed) return undefined; // reset while other listeners had their turn
  if (lostHeaders(request, server?.maxHeadersCount) || declaresBody(request)) {
    refuseSocket(socket, 400);
    return undefined;
  }
  if (home?.draining === true) {
    refuseSocket(socket, 503);
    return undefined;
  }
  try {
    return new PendingUpgrade({ request, socket, head, timeout, home, Response });
  } catch (error) {
    // assignSocket throws while the response to an earlier, pipelined request is under way; else it is the class given.
    if ((error as { code?: unknown }).code !== "ERR_HTTP_SOCKET_ASSIGNED") printFault(error);
    socket.destroy();
    return undefined;
  }
}
