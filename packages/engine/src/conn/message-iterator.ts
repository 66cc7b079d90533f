/** `for await (const message of conn)`. */

import type { Message } from "../messages/message.ts";
import { rejected } from "./wait.ts";
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

export class MessageIterator<In>
  implements AsyncIterableIterator<Message<In>, undefined>, Waiter<Message<In>>
{
  readonly #source: IterationSource<In>;
  // Of the next() that waits.
  #promise: Promise<Result<In>> | undefined;
  #resolve: ((result: Result<In>) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
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
    const { failure } = this.#source;
    if (failure !== undefined) return this.#ended(failure);
    // Without waitFor: the usual wait is one promise, and no closure but its executor.
    const promise = new Promise<Result<In>>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#promise = promise;
    this.#source.wait(this);
    return promise;
  }

  /** The message that {@link next} waits for. */
  resolve(message: Message<In>): void {
    this.#resolve?.({ value: message, done: false });
    this.#forget();
  }

  /** The end of the connection, or the read deadline, while {@link next} waits. */
  reject(error: unknown): void {
    const resolve = this.#resolve;
    const reject = this.#reject;
    const promise = this.#promise;
    this.#forget();
    const quiet = this.#source.isQuietEnd(error);
    this.#close();
    if (quiet) resolve?.(DONE);
    else {
      promise?.catch(ignore); // nobody need be there to see it
      reject?.(error);
    }
  }

  #forget(): void {
    this.#promise = undefined;
    this.#resolve = undefined;
    this.#reject = undefined;
  }

  /** Ends the iteration; nothing is lost, the connection stays readable. */
  return(): Promise<Result<In>> {
    this.#close();
    return Promise.resolve(DONE);
  }

  #ended(error: unknown): Promise<Result<In>> {
    const quiet = this.#source.isQuietEnd(error);
    this.#close();
    return quiet ? Promise.resolve(DONE) : rejected(error);
  }

  #close(): void {
    const wasOpen = this.#state === "open";
    this.#state = "done";
    if (wasOpen) this.#source.onIteratorClosed();
  }
}

function ignore(): void {}
