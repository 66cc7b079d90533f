/** How long a connection lives past its handler: the reader owns it, and holds keep it. */

import { CloseCode } from "../close-code.ts";

/** How far a hold reaches. */
export interface HoldOptions {
  /**
   * Also delays the close of a drain, within its time limit. `false` for what has no end of its own, such as the
   * membership in a room: it keeps the connection past its handler alone.
   *
   * @default true
   */
  readonly drain?: boolean | undefined;
}

/** What the lifetime rule looks at. */
export interface Readership {
  readonly hasReader: boolean;
  readonly hasRead: boolean;
  leaveUnattended(): void;
}

export class Lifetime {
  readonly #readers: Readership;
  readonly #conn: { close(code: number, reason: string): void };
  #holds = 0;
  /** Those of {@link #holds} that a drain waits for. */
  #drainHolds = 0;
  #handlerDone = false;
  #onReleased: (() => void)[] | undefined;

  constructor(readers: Readership, conn: { close(code: number, reason: string): void }) {
    this.#readers = readers;
    this.#conn = conn;
  }

  get held(): boolean {
    return this.#holds > 0;
  }

  hold(options: HoldOptions = {}): Disposable {
    const drainHolds = options.drain === false ? 0 : 1;
    this.#holds++;
    this.#drainHolds += drainHolds;
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        this.#holds--;
        this.#drainHolds -= drainHolds;
        if (this.#drainHolds === 0) this.#release();
        if (this.#holds === 0) this.#judge();
      },
    };
  }

  /** Calls back when no hold stands against a drain any more: at once when none does. */
  whenReleased(callback: () => void): void {
    if (this.#drainHolds === 0) callback();
    else (this.#onReleased ??= []).push(callback);
  }

  #release(): void {
    const callbacks = this.#onReleased ?? [];
    this.#onReleased = undefined;
    for (const callback of callbacks) callback();
  }

  /** The handler has returned, and its promise has settled. */
  handlerReturned(): void {
    this.#handlerDone = true;
    this.#judge();
  }

  handlerFailed(): void {
    this.#handlerDone = true;
    this.#conn.close(CloseCode.internalError, "");
  }

  /** An iterator or `forEach` has ended; bare reads do not come here. */
  onReaderGone(): void {
    if (this.#handlerDone && !this.#readers.hasReader && this.#holds === 0)
      this.#conn.close(CloseCode.normal, "");
  }

  #judge(): void {
    if (!this.#handlerDone || this.#readers.hasReader) return;
    if (this.#holds === 0 && this.#readers.hasRead) this.#conn.close(CloseCode.normal, "");
    else this.#readers.leaveUnattended();
  }
}
