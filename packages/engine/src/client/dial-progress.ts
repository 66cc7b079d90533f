/** How far one dial has come, and what may end it early: the clock, and the caller's signal. */

import type { Http2Session } from "node:http2";
import type { Duplex } from "node:stream";
import { DeadlineError } from "../errors.ts";

/**
 * What a dial is doing: asking the proxy function and the cookie jar, connecting (DNS and TCP), a TLS handshake, asking
 * a proxy for a tunnel, awaiting the settings of HTTP/2, awaiting the response; or it is done.
 */
export type DialPhase = "route" | "connect" | "tls" | "proxy" | "settings" | "response" | "open";

/** The beginning of a phase. A redirect begins again with "route". */
export interface DialEvent {
  readonly phase: DialPhase;
  /** Whom it concerns: `host:port`, or the path of a unix socket. */
  readonly peer: string;
  /** Milliseconds since `dial` was called. */
  readonly elapsed: number;
}

export interface DialBounds {
  /** Milliseconds for everything. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  readonly trace: ((event: DialEvent) => void) | undefined;
}

const DOING: Readonly<Record<DialPhase, string>> = {
  route: "choosing the way to",
  connect: "connecting to",
  tls: "in the TLS handshake with",
  proxy: "waiting for the proxy",
  settings: "waiting for the HTTP/2 settings of",
  response: "waiting for the response of",
  open: "opening",
};

/** Takes an error that needs no answer: whoever waits on the socket hears of it. */
function ignoreError(): void {}

export class DialProgress {
  readonly #controller = new AbortController();
  readonly #bounds: DialBounds;
  readonly #sockets: Array<Duplex | Http2Session> = [];
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;
  #doing = "";

  /** Starts the clock, which {@link stop} stops. */
  constructor(bounds: DialBounds) {
    this.#bounds = bounds;
    const { timeout, signal } = bounds;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (timeout !== Infinity) this.#timer = setTimeout(this.#onTimeout, timeout);
  }

  /** Aborted when the time is over or the caller has given up. Hooks get it. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds until the clock ends the dial. */
  get remaining(): number {
    return Math.max(0, this.#began + this.#bounds.timeout - performance.now());
  }

  readonly #onAbort = (): void => this.#controller.abort(this.#bounds.signal?.reason);

  readonly #onTimeout = (): void => {
    const message = `no connection within ${this.#bounds.timeout} ms, given up while ${this.#doing}`;
    this.#controller.abort(new DeadlineError("WS_HANDSHAKE_TIMEOUT", message));
  };

  /** Notes what is being done now. */
  enter(phase: DialPhase, peer: string): void {
    this.#doing = `${DOING[phase]} ${peer}`;
    this.#bounds.trace?.({ phase, peer, elapsed: performance.now() - this.#began });
  }

  /**
   * Awaits `work`, but no longer than the dial may last.
   *
   * @param discard - Releases what `work` gives when nobody waits for it any more.
   * @throws The reason why the dial was given up.
   */
  race<T>(work: T | PromiseLike<T>, discard: (late: T) => void = () => {}): Promise<T> {
    const { signal } = this;
    return new Promise<T>((resolve, reject) => {
      const giveUp = (): void => reject(signal.reason as Error); // ours or the caller's own
      signal.addEventListener("abort", giveUp, { once: true });
      if (signal.aborted) giveUp();
      void Promise.resolve(work)
        .then(
          (value) => (signal.aborted ? discard(value) : resolve(value)),
          (error: Error) => reject(error),
        )
        .finally(() => signal.removeEventListener("abort", giveUp));
    });
  }

  /** Notes a socket, which {@link abandon} will destroy. No error of it can end the process from here on. */
  own(socket: Duplex): void {
    socket.on("error", ignoreError); // for life: a connection adds its own
    this.#sockets.push(socket);
  }

  /** The same for a session, which has an `error` listener. */
  ownSession(session: Http2Session): void {
    this.#sockets.push(session);
  }

  /** Leaves every socket alone from here on: somebody else looks after them. */
  disown(): void {
    this.#sockets.length = 0;
  }

  /** @throws The reason of the caller's signal; an end by the clock is none of his doing. */
  throwIfGivenUpByCaller(): void {
    this.#bounds.signal?.throwIfAborted();
  }

  /** Stops the clock, and listens to the caller no more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#bounds.signal?.removeEventListener("abort", this.#onAbort);
  }

  /** Destroys every socket, the innermost first. */
  abandon(): void {
    for (const socket of this.#sockets.splice(0).toReversed()) socket.destroy();
  }
}
