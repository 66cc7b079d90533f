/** `for await (const message of conn)`. */

import type { Message } from "../messages/message.ts";
import { rejected, waitFor } from "./wait.ts";
import type { Waiter } from "./wait.ts";

/** What an iterator needs of the reading half. */
export interface IterationSource<In> {
  /** Announces a read; gives the error of a second concurrent one. */
  claim(): TypeError | undefined;
  /** The next message that waits. */
  take(): Message<In> | undefined;
  /** Why nothing more will come. */
  readonly failure: Error | undefined;
  /** That failure is the ordinary end. */
  isQuietEnd(error: unknown): boolean;
  wait(waiter: Waiter<Message<In>>): void;
  onIteratorOpened(): void;
  onIteratorClosed(): void;
}

const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true };

type Result<In> = IteratorResult<Message<In>, undefined>;

export class MessageIterator<In> implements AsyncIterableIterator<Message<In>, undefined> {
  readonly #source: IterationSource<In>;
  #state: "idle" | "open" | "done" = "idle";

  constructor(source: IterationSource<In>) {
    this.#source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result<In>> {
    if (this.#state === "done") return Promise.resolve(DONE);
    const misuse = this.#source.claim();
    if (misuse !== undefined) return rejected(misuse);
    if (this.#state === "idle") {
      this.#state = "open";
      this.#source.onIteratorOpened();
    }
    const message = this.#source.take();
    if (message !== undefined) return Promise.resolve({ value: message, done: false });
    return waitFor<Result<In>>("iteration", undefined, (waiter) => {
      const { failure } = this.#source;
      if (failure !== undefined) {
        this.#end(waiter, failure);
        return;
      }
      this.#source.wait({
        resolve: (arrived) => waiter.resolve({ value: arrived, done: false }),
        reject: (error) => this.#end(waiter, error),
      });
    });
  }

  /** Ends the iteration; nothing is lost, the connection stays readable. */
  return(): Promise<Result<In>> {
    this.#close();
    return Promise.resolve(DONE);
  }

  #end(waiter: Waiter<Result<In>>, error: unknown): void {
    const quiet = this.#source.isQuietEnd(error);
    this.#close();
    if (quiet) waiter.resolve(DONE);
    else waiter.reject(error);
  }

  #close(): void {
    const wasOpen = this.#state === "open";
    this.#state = "done";
    if (wasOpen) this.#source.onIteratorClosed();
  }
}
