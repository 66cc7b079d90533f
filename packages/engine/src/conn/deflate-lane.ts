/** Messages on their way into the output: a long one is compressed between turns, and no other may start before it. */

import type { Endpoint } from "../endpoint/endpoint.ts";
import type { MessageDeflate } from "../extensions/message-deflate.ts";
import type { DataType } from "../messages/message.ts";
import type { PreparedMessage } from "../messages/prepared-message.ts";
import { payloadBytes } from "./payload.ts";
import { whenDeflated } from "./shared-deflate.ts";
import { LONG_MESSAGE_BYTES, TurnDeflate } from "./turn-deflate.ts";
import type { Waiter } from "./wait.ts";

interface UnderWay {
  readonly bytes: number;
  cancel(): void;
  readonly owner: Waiter<void> | undefined;
}

export class DeflateLane {
  readonly #endpoint: Endpoint;
  readonly #deflate: MessageDeflate;
  readonly #onQueued: (owner: Waiter<void>) => void;
  readonly #onFree: () => void;
  #underWay: UnderWay | undefined;

  /**
   * @param onQueued - Told that the payload of this owner is in the output.
   * @param onFree - Called in a turn of its own: the long message is in the output.
   */
  constructor(
    endpoint: Endpoint,
    deflate: MessageDeflate,
    onQueued: (owner: Waiter<void>) => void,
    onFree: () => void,
  ) {
    this.#endpoint = endpoint;
    this.#deflate = deflate;
    this.#onQueued = onQueued;
    this.#onFree = onFree;
  }

  /** A long message is being compressed: nothing may be sent here until that is done. */
  get isTaken(): boolean {
    return this.#underWay !== undefined;
  }

  /** Bytes of that message, for the water marks. */
  get bytes(): number {
    return this.#underWay?.bytes ?? 0;
  }

  /**
   * Puts a message into the output, or begins to compress it.
   *
   * @param payload - Must stay as it is until `owner` is resolved.
   */
  sendMessage(
    type: DataType,
    payload: string | Uint8Array,
    compress: boolean,
    owner?: Waiter<void>,
  ): void {
    const deflate = compress ? this.#longDeflate(payload) : undefined;
    if (deflate === undefined) {
      this.#endpoint.sendMessage(type, payload, compress);
      if (owner !== undefined) this.#onQueued(owner);
      return;
    }
    const message = typeof payload === "string" ? Buffer.from(payload) : payload;
    const work = new TurnDeflate(deflate.deflatePieces(), message, (compressed) =>
      this.#end(() => this.#endpoint.sendCompressed(type, compressed)),
    );
    this.#underWay = { bytes: message.length, cancel: () => work.cancel(), owner };
  }

  /** The same for a message that many connections share: one compression serves all of them. */
  sendPrepared(message: PreparedMessage): void {
    const { payload } = message;
    const deflate = this.#longDeflate(payload);
    if (deflate === undefined) this.#endpoint.sendPrepared(message);
    else if (!this.#endpoint.sharesPrepared) {
      this.sendMessage(message.type as DataType, payload, true); // control types take other ways
    } else if (message.isCompressed(deflate.sharedKey)) this.#endpoint.sendPrepared(message);
    else {
      const wait = whenDeflated(message, deflate, () =>
        this.#end(() => this.#endpoint.sendPrepared(message)),
      );
      this.#underWay = { bytes: payload.length, cancel: () => wait.cancel(), owner: undefined };
    }
  }

  /** The message that is being compressed will not be sent. */
  cancel(error: Error): void {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    underWay?.cancel();
    underWay?.owner?.reject(error);
  }

  #end(send: () => void): void {
    const owner = this.#underWay?.owner;
    this.#underWay = undefined;
    send();
    if (owner !== undefined) this.#onQueued(owner);
    this.#onFree();
  }

  /** The compression of a payload that is so long that the others' turns must come between. */
  #longDeflate(payload: string | Uint8Array): MessageDeflate | undefined {
    const deflate = this.#deflate;
    // A UTF-16 unit is at most 3 bytes.
    if (payload.length * 3 <= LONG_MESSAGE_BYTES) return undefined;
    const bytes = payloadBytes(payload);
    return bytes > LONG_MESSAGE_BYTES && deflate.applies(bytes) ? deflate : undefined;
  }
}
