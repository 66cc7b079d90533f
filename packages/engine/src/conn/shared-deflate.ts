/** A long prepared message compressed once, between turns of the event loop, for all connections that wait for it. */

import type { MessageDeflate } from "../extensions/message-deflate.ts";
import type { PreparedMessage } from "../messages/prepared-message.ts";
import { TurnDeflate } from "./turn-deflate.ts";

interface Work {
  readonly deflate: TurnDeflate;
  readonly waiting: Set<() => void>;
}

/** By message, then by what the compressed bytes depend on. */
const underWay = new WeakMap<PreparedMessage, Map<string, Work>>();

/** What a connection waits for. */
export interface SharedDeflateWait {
  cancel(): void;
}

/**
 * Calls `onDone`, in a later turn, once the message is compressed for connections like this one: with the first of
 * them the work begins, and it ends early with the last that cancels.
 */
export function whenDeflated(
  message: PreparedMessage,
  deflate: MessageDeflate,
  onDone: () => void,
): SharedDeflateWait {
  const key = deflate.sharedKey;
  const works = underWay.get(message) ?? new Map<string, Work>();
  underWay.set(message, works);
  const work = works.get(key) ?? begin(message, deflate, works);
  work.waiting.add(onDone);
  return {
    cancel: () => {
      work.waiting.delete(onDone);
      if (work.waiting.size > 0) return;
      work.deflate.cancel();
      if (works.get(key) === work) works.delete(key);
    },
  };
}

function begin(message: PreparedMessage, deflate: MessageDeflate, works: Map<string, Work>): Work {
  const key = deflate.sharedKey;
  const waiting = new Set<() => void>();
  const work: Work = {
    waiting,
    deflate: new TurnDeflate(deflate.deflateSharedPieces(), message.payload, (payload) => {
      works.delete(key);
      message.keepCompressed(key, payload);
      for (const onDone of waiting) onDone();
    }),
  };
  works.set(key, work);
  return work;
}
