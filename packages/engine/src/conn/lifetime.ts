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

/** What the lifetime rule looks at and acts on. */
export interface LifetimeOwner {
  readonly hasReader: boolean;
  readonly hasRead: boolean;
  leaveUnattended(): void;
  close(code: number, reason: string): void;
}

export class Lifetime {
  readonly #owner: LifetimeOwner;
  #holds = 0;
  /** Those of {@link #holds} that a drain waits for. */
  #drainHolds = 0;
  #handlerDone = false;
  #onReleased: (() => void)[] = [];

  constructor(owner: LifetimeOwner) {
    this.#owner = owner;
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
        if (this.#drainHolds === 0) for (const callback of this.#onReleased.splice(0)) callback();
        if (this.#holds === 0) this.#judge();
      },
    };
  }

  /** Calls back when no hold stands against a drain any more: at once when none does. */
  whenReleased(callback: () => void): void {
    if (this.#drainHolds === 0) callback();
    else this.#onReleased.push(callback);
  }

  /** The handler has returned, and its promise has settled. */
  handlerReturned(): void {
    this.#handlerDone = true;
    this.#judge();
  }

  handlerFailed(): void {
    this.#handlerDone = true;
    this.#owner.close(CloseCode.internalError, "");
  }

  /** An iterator or `forEach` has ended; bare reads do not come here. */
  onReaderGone(): void {
    if (this.#handlerDone && !this.#owner.hasReader && this.#holds === 0)
      this.#owner.close(CloseCode.normal, "");
  }

  #judge(): void {
    if (!this.#handlerDone || this.#owner.hasReader) return;
    if (this.#holds === 0 && this.#owner.hasRead) this.#owner.close(CloseCode.normal, "");
    else this.#owner.leaveUnattended();
  }
}
