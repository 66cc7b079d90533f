/** What the tests of a connection share: pairs over TCP, turns of the event loop, and what a promise has come to. */
import { deferred, RawPeer, within } from "@longwire/testkit";
import { createServer, connect, type Socket } from "node:net";
import { openConn, type Conn, type ConnOptions } from "../../src/index.ts";

/** Lets `turns` turns of the event loop go by: over a pair in memory everything that can happen has happened then. */
export async function idle(turns = 4): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** What a promise has come to, without waiting for it. */
export async function stateOf(
  promise: Promise<unknown>,
): Promise<"pending" | "fulfilled" | "rejected"> {
  let state: "pending" | "fulfilled" | "rejected" = "pending";
  promise.then(
    () => (state = "fulfilled"),
    () => (state = "rejected"),
  );
  await idle(1);
  return state;
}

/** The error that `promise` rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await within(promise, "a rejection");
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection");
}

export interface TcpPair {
  readonly conn: Conn;
  readonly peer: RawPeer;
  /** The connection's own socket. */
  readonly socket: Socket;
}

/** A Conn and a raw peer over loopback TCP; the server's socket allows half-open, as those of node:http do. */
export async function tcpPair(
  role: "server" | "client",
  options: ConnOptions = {},
  o: { readonly halfOpenPeer?: boolean } = {},
): Promise<TcpPair> {
  const accepted = deferred<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, accepted.resolve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("expected a port");
  const { port } = address;
  try {
    if (role === "server") {
      const peer = await RawPeer.connect(port, { halfOpen: o.halfOpenPeer ?? false });
      const socket = await within(accepted.promise, "the server's socket");
      return { conn: open(socket, role, options), peer, socket };
    }
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const theirs = await within(accepted.promise, "the server's socket");
    theirs.allowHalfOpen = o.halfOpenPeer ?? false;
    return { conn: open(socket, role, options), peer: new RawPeer(theirs), socket };
  } finally {
    server.close();
  }
}

function open(socket: Socket, role: "server" | "client", options: ConnOptions): Conn {
  return openConn(socket, Buffer.alloc(0), { role, options, subprotocol: "", extensions: "" });
}
