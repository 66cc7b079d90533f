/** A callback that gets every message, and the promise of its end. */

import type { Message } from "../messages/message.ts";
import { rejected } from "./wait.ts";

/** Typed as a method is: a property of a function type would keep a `Conn<string>` from being a `Conn`. */
export type Each<In> = { each(message: Message<In>): unknown }["each"];

/** Options of `forEach`. */
export interface ForEachOptions {
  /**
   * `true` lets messages lie in memory that is used again as soon as the callback returns: no copy, and nothing for the
   * garbage collector, together a fifth to a third of the time with long messages. A message is then read before the callback
   * returns, or before its first `await`; what is to stay is copied, or decoded by `text()` or `json()`. What
   * is written meanwhile by a method of any Conn, or broadcast, goes out as it is; what goes into a stream (`toDuplex`,
   * `toWritableStream`) has to be copied, since that may wait in there.
   *
   * @default false
   */
  readonly reuseMemory?: boolean | undefined;
}

/** The error of a call with something of another kind. */
export function misuseOf(callback: unknown, reuseMemory: unknown): TypeError | undefined {
  if (typeof callback !== "function")
    return new TypeError(`forEach takes a function, got ${typeof callback}`);
  if (reuseMemory === undefined || typeof reuseMemory === "boolean") return undefined;
  return new TypeError(`reuseMemory must be a boolean, got ${typeof reuseMemory}`);
}

/** What it tells the reading half. */
export interface EachOwner {
  /** The promise of a call has resolved. */
  onEachReady(): void;
  /** The callback has thrown or rejected; nothing is given to it any more. */
  onEachError(error: unknown): void;
}

export class EachReader<In> {
  readonly #callback: Each<In>;
  /** Settles when nothing is given to the callback any more. Marked handled: nobody need be there to see it reject. */
  readonly ended: Promise<void>;
  #resolve: ((how?: Promise<void>) => void) | undefined;
  readonly #owner: EachOwner;
  /** Messages are valid until the callback returns. */
  readonly reusesMemory: boolean;
  /** The promise of the last call is pending: the next message waits. */
  #pending = false;
  #over = false;

  constructor(callback: Each<In>, reusesMemory: boolean, owner: EachOwner) {
    this.#callback = callback;
    this.reusesMemory = reusesMemory;
    this.#owner = owner;
    // Without waitFor: that takes another promise, which would stay for as long as the connection.
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Takes messages: neither over nor waiting for a promise of the callback. */
  get ready(): boolean {
    return !this.#pending && !this.#over;
  }

  get pending(): boolean {
    return this.#pending;
  }

  /** Calls back; {@link ready} is false afterwards when the callback's promise must be waited for. */
  give(message: Message<In>): void {
    let result: unknown;
    try {
      result = this.#callback(message);
    } catch (error) {
      this.#fail(error);
      return;
    } finally {
      if (this.reusesMemory) message.release();
    }
    if (!isThenable(result)) return;
    this.#pending = true;
    result.then(
      () => {
        this.#pending = false;
        this.#owner.onEachReady();
      },
      (error: unknown) => {
        this.#pending = false;
        this.#fail(error);
      },
    );
  }

  end(): void {
    this.#over = true;
    this.#resolve?.();
  }

  endWith(error: unknown): void {
    this.#over = true;
    this.ended.catch(ignore);
    this.#resolve?.(rejected(error)); // without its other function, which would take 64 bytes of each connection
  }

  #fail(error: unknown): void {
    this.endWith(error);
    this.#owner.onEachError(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}

function ignore(): void {}
