/** What a connection needs of the thing that carries its bytes. */

import type { Duplex } from "node:stream";

/** As `request.httpVersion` of node:http has it. */
export type HttpVersion = "1.1" | "2.0";

/** Takes what a transport tells. */
export interface TransportEvents {
  /**
   * Received bytes: `chunk[0, end)`. Never more once {@link Transport.pause} was called, but for what was under way (TLS).
   * A chunk in memory that the connection has given for reading is valid during the call only.
   */
  onBytes(chunk: Buffer, end: number): void;
  /** The peer has ended its side. */
  onEnd(): void;
  /** Both sides are gone. Nothing follows. */
  onClosed(error: Error | undefined): void;
  /** What a {@link Transport.write} had not yet handed on is now gone. */
  onWritten(): void;
}

export interface Transport {
  /**
   * Writes `pieces` one behind the other, as one write.
   *
   * @returns true when everything has been handed on; else the pieces must stay as they are until `onWritten`.
   */
  write(pieces: readonly Uint8Array[]): boolean;
  /** Has the system find out that the peer is gone, where it can: nobody will ask the peer. */
  keepAlive(): void;
  pause(): void;
  resume(): void;
  /** Ends our side when all is written; keeps reading. A second call does nothing. */
  end(): void;
  /** Gives up at once. `reset` sends RST instead of FIN where the transport can. */
  destroy(): void;
  /** What carries the bytes. */
  readonly socket: Duplex;
  /** Of the opening handshake. */
  readonly httpVersion: HttpVersion;
  readonly localAddress: string | undefined;
  readonly remoteAddress: string | undefined;
}
