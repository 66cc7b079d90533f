/** How long a connection lives past its handler: the reader owns it, and holds keep it. */

import { CloseCode } from "../close-code.ts";

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
  #handlerDone = false;
  #onReleased: (() => void)[] = [];

  constructor(owner: LifetimeOwner) {
    this.#owner = owner;
  }

  get held(): boolean {
    return this.#holds > 0;
  }

  hold(): Disposable {
    this.#holds++;
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        this.#holds--;
        if (this.#holds > 0) return;
        for (const callback of this.#onReleased.splice(0)) callback();
        this.#judge();
      },
    };
  }

  /** Calls back when nothing holds the connection any more: at once when nothing does. */
  whenReleased(callback: () => void): void {
    if (this.#holds === 0) callback();
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
