/** Two ends of one WebSocket connection in memory: no port, no handshake, no waiting for a kernel. */
import { memoryPair, openConn, type Conn, type ConnOptions } from "@longwire/engine";
import type { Duplex } from "node:stream";
import { RawPeer } from "./raw-peer.ts";

function open(
  stream: Duplex,
  role: "server" | "client",
  options: ConnOptions,
  head: Uint8Array = Buffer.alloc(0),
): Conn {
  return openConn(stream, head, { role, options, subprotocol: "", extensions: "" });
}

/** Two Conns that talk to each other; each end has its own options. */
export function connPair(
  o: { readonly server?: ConnOptions; readonly client?: ConnOptions } = {},
): { server: Conn; client: Conn } {
  const [serverEnd, clientEnd] = memoryPair();
  return {
    server: open(serverEnd, "server", o.server ?? {}),
    client: open(clientEnd, "client", o.client ?? {}),
  };
}

/** A Conn in the given role and a raw peer at the other end; `head` is what the Conn has received already. */
export function connAndRawPeer(
  role: "server" | "client",
  options: ConnOptions = {},
  head?: Uint8Array,
): { conn: Conn; peer: RawPeer } {
  const [ours, theirs] = memoryPair();
  return { conn: open(ours, role, options, head), peer: new RawPeer(theirs) };
}
