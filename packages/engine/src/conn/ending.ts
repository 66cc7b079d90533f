/** The end of a connection, as a promise and as a signal; both are made when somebody asks for them. */

import type { CloseInfo } from "../errors.ts";
import type { ReadEnd } from "./read-end.ts";

/** Hears that a socket is gone. An object, since a closure takes twice the memory for each connection. */
export interface ClosedListener {
  onClosed(): void;
}

export class Ending {
  #readEnd: ReadEnd | undefined;
  #end: CloseInfo | undefined;
  #controller: AbortController | undefined;
  #closed: Promise<CloseInfo> | undefined;
  #resolve: ((end: CloseInfo) => void) | undefined;
  #onEnded: readonly (() => void)[] = NO_CALLBACKS;
  #closedListeners: readonly ClosedListener[] = NOBODY;

  /** What reads get once the connection has ended. */
  get error(): Error | undefined {
    return this.#readEnd?.error;
  }

  /** Resolves when the socket is gone. */
  get closed(): Promise<CloseInfo> {
    this.#closed ??= new Promise((resolve) => {
      if (this.#end === undefined) this.#resolve = resolve;
      else resolve(this.#end);
    });
    return this.#closed;
  }

  /** Aborted with the error of reads. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#readEnd !== undefined) this.#controller.abort(this.#readEnd.error);
    }
    return this.#controller.signal;
  }

  /** Calls back when the connection has ended. @returns How to have it not called any more. */
  whenEnded(callback: () => void): () => void {
    this.#onEnded = [...this.#onEnded, callback];
    return () => {
      this.#onEnded = this.#onEnded.filter((other) => other !== callback);
    };
  }

  get closedListeners(): readonly ClosedListener[] {
    return this.#closedListeners;
  }

  /** Tells `listener` when the socket is gone: what {@link closed} tells, without a promise for each connection. */
  whenClosed(listener: ClosedListener): void {
    // Not by spreading, which leaves room for 17.
    if (this.#end === undefined) this.#closedListeners = this.#closedListeners.concat(listener);
    else listener.onClosed();
  }

  onEnded(end: ReadEnd): void {
    this.#readEnd = end;
    this.#controller?.abort(end.error);
    for (const callback of this.#onEnded) callback();
  }

  onClosed(end: CloseInfo): void {
    this.#end = end;
    this.#resolve?.(end);
    for (const listener of this.#closedListeners) listener.onClosed();
  }
}

const NO_CALLBACKS: readonly (() => void)[] = [];
const NOBODY: readonly ClosedListener[] = [];
