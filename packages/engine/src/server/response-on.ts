/** The response that node:http has under way on a socket. */

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** What node:http keeps on a socket: the response that is under way. */
interface HttpSocket {
  readonly _httpMessage?: ServerResponse | null | undefined;
}

/** The response that is assigned to a socket. */
export function responseOn(socket: Duplex): ServerResponse | undefined {
  return (socket as HttpSocket)._httpMessage ?? undefined; // node's types do not tell of it
}
