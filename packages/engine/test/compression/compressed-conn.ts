/** A Conn with permessage-deflate, and at the other end a peer that speaks in frames. */
import {
  memoryDuplexPair,
  rawFrame,
  RawPeer,
  type RawFrame,
  type RawFrameInit,
} from "@longwire/testkit";
import type { Duplex } from "node:stream";
import { openConn, type CompressionOptions, type Conn, type ConnOptions } from "../../src/index.ts";
import { resolveCompression } from "../../src/extensions/compression-options.ts";
import type { NegotiatedDeflate } from "../../src/extensions/deflate-offer.ts";
import { ZlibPeer } from "./zlib-peer.ts";

export interface CompressedConnInit {
  /** @default "server" */
  readonly role?: "server" | "client";
  readonly options?: ConnOptions;
  readonly compression?: CompressionOptions;
  /** What differs from: context takeover and 12 bits both ways. */
  readonly negotiated?: Partial<NegotiatedDeflate>;
  /** As that of the zlib peer. */
  readonly strict?: boolean;
  /** The connection's end of a stream, and the peer's. @default a pair in memory */
  readonly streams?: readonly [Duplex, Duplex];
}

/** A message as it came in frames. */
export interface ReceivedMessage {
  readonly opcode: number;
  readonly compressed: boolean;
  readonly frames: readonly RawFrame[];
  /** As it came, compressed or not. */
  readonly payload: Buffer;
  readonly data: Buffer;
}

/** How a peer sends a message. */
export interface SendOptions {
  /** @default 2, binary */
  readonly opcode?: 1 | 2;
  /** @default true */
  readonly compress?: boolean;
  /** Longest payload of a frame. @default Infinity */
  readonly fragmentBytes?: number;
}

export class CompressedConn {
  readonly conn: Conn;
  readonly peer: RawPeer;
  readonly zlib: ZlibPeer;
  readonly #masks: boolean;

  constructor(init: CompressedConnInit = {}) {
    const { role = "server", negotiated: given } = init;
    const negotiated: NegotiatedDeflate = {
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 12,
      ...given,
    };
    const options = resolveCompression({ ...init.compression });
    if (options === undefined) throw new Error("expected compression to be on");
    const [ours, theirs] = init.streams ?? memoryDuplexPair();
    this.conn = openConn(ours, Buffer.alloc(0), {
      role,
      options: init.options ?? {},
      subprotocol: "",
      extensions: "permessage-deflate",
      deflate: { negotiated, options },
    });
    this.peer = new RawPeer(theirs);
    const isServer = role === "server";
    this.#masks = isServer;
    const { serverMaxWindowBits: server, clientMaxWindowBits: client } = negotiated;
    const { serverNoContextTakeover, clientNoContextTakeover } = negotiated;
    this.zlib = new ZlibPeer({
      outgoingBits: isServer ? client : server,
      incomingBits: isServer ? server : client,
      outgoingAlone: isServer ? clientNoContextTakeover : serverNoContextTakeover,
      incomingAlone: isServer ? serverNoContextTakeover : clientNoContextTakeover,
      strict: init.strict ?? false,
    });
  }

  /** Sends a frame, masked where the peer is the client. */
  sendFrame(init: RawFrameInit): void {
    this.peer.send(rawFrame({ ...init, ...(this.#masks ? {} : { mask: false }) }));
  }

  /** Sends a payload as the frames of one message. */
  sendPayload(payload: Uint8Array, o: SendOptions = {}): void {
    const { opcode = 2, compress = true, fragmentBytes = Infinity } = o;
    let at = 0;
    do {
      const end = Math.min(payload.length, at + fragmentBytes);
      this.sendFrame({
        opcode: at === 0 ? opcode : 0,
        fin: end === payload.length,
        rsv: at === 0 && compress ? 4 : 0,
        payload: payload.subarray(at, end),
      });
      at = end;
    } while (at < payload.length);
  }

  /** Sends a message. */
  async send(message: Uint8Array, o: SendOptions = {}): Promise<void> {
    const payload = o.compress === false ? message : await this.zlib.deflate(message);
    this.sendPayload(payload, o);
  }

  /** Reads the frames of the next data message. */
  async read(): Promise<ReceivedMessage> {
    const frames: RawFrame[] = [];
    do frames.push(await this.peer.readFrame());
    while (frames.at(-1)?.fin !== true);
    const [first] = frames;
    const payload = Buffer.concat(frames.map((frame) => frame.payload));
    const compressed = first?.rsv === 4;
    const data = compressed ? await this.zlib.inflate(payload) : payload;
    return { opcode: first?.opcode ?? -1, compressed, frames, payload, data };
  }
}
