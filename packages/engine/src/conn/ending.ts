/** The end of a connection, as a promise and as a signal; both are made when somebody asks for them. */

import type { CloseInfo } from "../errors.ts";
import type { ReadEnd } from "./read-end.ts";

export class Ending {
  #readEnd: ReadEnd | undefined;
  #end: CloseInfo | undefined;
  #controller: AbortController | undefined;
  #closed: Promise<CloseInfo> | undefined;
  #resolve: ((end: CloseInfo) => void) | undefined;
  #onEnded: readonly (() => void)[] = NO_CALLBACKS;

  /** @param readEnd - Set when it has ended already. @param end - Set when its socket is gone already. */
  constructor(readEnd: ReadEnd | undefined, end: CloseInfo | undefined) {
    this.#readEnd = readEnd;
    this.#end = end;
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

  onEnded(end: ReadEnd): void {
    this.#readEnd = end;
    this.#controller?.abort(end.error);
    for (const callback of this.#onEnded) callback();
  }

  onClosed(end: CloseInfo): void {
    this.#end = end;
    this.#resolve?.(end);
  }
}

const NO_CALLBACKS: readonly (() => void)[] = [];
