/** The other side of permessage-deflate as browsers have it: one zlib stream each way, for as long as the connection lives. */
import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  type InflateRaw,
} from "node:zlib";

const TAIL = Buffer.from("0000ffff", "hex");

export interface ZlibPeerOptions {
  /** Window of the messages that it deflates and inflates, 8-15. */
  readonly outgoingBits: number;
  readonly incomingBits: number;
  /** Each message on its own. @default false */
  readonly outgoingAlone?: boolean;
  readonly incomingAlone?: boolean;
  /** @default 6 */
  readonly level?: number;
  /** Inflates in pieces of 64 bytes: a reference further back than the window is then an error. @default false */
  readonly strict?: boolean;
}

export class ZlibPeer {
  readonly #options: ZlibPeerOptions;
  readonly #output: Buffer[] = [];
  #deflater: DeflateRaw;
  #inflater: InflateRaw;

  constructor(options: ZlibPeerOptions) {
    this.#options = options;
    this.#deflater = this.#openDeflater();
    this.#inflater = this.#openInflater();
  }

  #openDeflater(): DeflateRaw {
    const { outgoingBits: windowBits, level = 6 } = this.#options;
    const deflater = createDeflateRaw({ windowBits: Math.max(9, windowBits), level });
    return deflater.on("data", (chunk: Buffer) => this.#output.push(chunk));
  }

  #openInflater(): InflateRaw {
    const { incomingBits: windowBits, strict = false } = this.#options;
    const inflater = createInflateRaw({ windowBits, chunkSize: strict ? 64 : 16_384 });
    return inflater.on("data", (chunk: Buffer) => this.#output.push(chunk));
  }

  #take(): Buffer {
    return Buffer.concat(this.#output.splice(0));
  }

  /** Gives the payload of a message (RFC 7692 §7.2.1). */
  async deflate(message: Uint8Array): Promise<Buffer> {
    if (this.#options.outgoingAlone === true) this.#deflater = this.#openDeflater();
    const deflater = this.#deflater;
    await new Promise<void>((resolve, reject) => {
      deflater.once("error", reject);
      deflater.write(message);
      deflater.flush(constants.Z_SYNC_FLUSH, () => {
        deflater.off("error", reject);
        resolve();
      });
    });
    const blocks = this.#take();
    if (!blocks.subarray(-4).equals(TAIL)) throw new Error("expected the end of a flush");
    return blocks.subarray(0, -4);
  }

  /** Gives the plaintext of a message's payload (RFC 7692 §7.2.2). */
  async inflate(payload: Uint8Array): Promise<Buffer> {
    if (this.#options.incomingAlone === true) this.#inflater = this.#openInflater();
    const inflater = this.#inflater;
    await new Promise<void>((resolve, reject) => {
      inflater.once("error", reject);
      inflater.write(payload);
      inflater.write(TAIL, () => {
        inflater.flush(() => {
          inflater.off("error", reject);
          resolve();
        });
      });
    });
    return this.#take();
  }
}
