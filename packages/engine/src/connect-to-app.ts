/** The `connect` of every adapter: a typed client in memory, for the tests of applications. */

import { connectInMemory, type ConnectInMemoryOptions } from "./client/connect-in-memory.ts";
import type { Conn } from "./conn/conn.ts";
import type { HandshakeResponse } from "./errors.ts";
import type { ClientIn, ClientOut, Messages } from "./messages/contract.ts";

/** The client's end of a connection, with the types of a contract's other side. */
export type TestConn<M extends Messages = Messages> = Conn<ClientIn<M>, ClientOut<M>> & {
  /** The 101, with its headers. */
  readonly response: HandshakeResponse;
};

/**
 * As {@link connectInMemory}, in the shape that every adapter's `connect` has.
 *
 * @typeParam M - The route's message contract: types what is read and written here, from the client's side.
 * @throws As {@link connectInMemory}; TypeError for a server that is none.
 */
export async function connectToApp<M extends Messages = Messages>(
  server: Parameters<typeof connectInMemory>[0],
  path: string,
  options?: ConnectInMemoryOptions,
): Promise<TestConn<M>> {
  if (typeof server?.emit !== "function") {
    throw new TypeError(`connect wants an app or a server, got ${typeof server}`);
  }
  const { conn, response } = await connectInMemory(server, path, options);
  // The caller's word; the app checks what comes in.
  return Object.assign(conn as Conn<ClientIn<M>, ClientOut<M>>, { response });
}
