/** Two ends of one WebSocket connection in memory: no port, no handshake, no waiting for a kernel. */
import type { Duplex } from "node:stream";
import { memoryDuplexPair } from "./memory-duplex.ts";
import { RawPeer } from "./raw-peer.ts";

/** What an end is opened with: the engine's `ConnInit`, as far as a pair decides it. */
export interface PairedInit<Options> {
  readonly role: "server" | "client";
  readonly options: Options;
  readonly subprotocol: string;
  readonly extensions: string;
}

/**
 * Opens one end over a stream, for example the engine's `openConn`. Passed in by the test:
 * it is not part of the engine's public interface, and the testkit uses nothing else.
 */
export type OpenEnd<C, Options> = (
  socket: Duplex,
  head: Uint8Array,
  init: PairedInit<Options>,
) => C;

function init<Options>(role: "server" | "client", options: Options): PairedInit<Options> {
  return { role, options, subprotocol: "", extensions: "" };
}

/** Two Conns that talk to each other; `options` go to the server, `clientOptions` to the client. */
export function connPair<C, Options extends object>(
  open: OpenEnd<C, Options>,
  options: Options,
  clientOptions: Options = options,
): { server: C; client: C } {
  const [serverEnd, clientEnd] = memoryDuplexPair();
  return {
    server: open(serverEnd, Buffer.alloc(0), init("server", options)),
    client: open(clientEnd, Buffer.alloc(0), init("client", clientOptions)),
  };
}

/** One Conn and a raw peer at the other end; `role` is the Conn's. */
export function connAndRawPeer<C, Options extends object>(
  open: OpenEnd<C, Options>,
  role: "server" | "client",
  options: Options,
  head: Uint8Array = Buffer.alloc(0),
): { conn: C; peer: RawPeer } {
  const [ours, theirs] = memoryDuplexPair();
  return { conn: open(ours, head, init(role, options)), peer: new RawPeer(theirs) };
}
