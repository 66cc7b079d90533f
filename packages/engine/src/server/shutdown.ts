/** The end of an attached server: new upgrades are refused, open connections get 1001 and a limited time. */

import type { Server } from "node:http";
import { CloseCode, isSendableCloseCode } from "../close-code.ts";
import { ConnRegistry } from "../conn/conn-registry.ts";
import { milliseconds } from "../conn/limits.ts";
import { Roster } from "../conn/roster.ts";
import type { Place } from "../conn/roster.ts";
import type { PendingUpgrade, UpgradeHome } from "./pending-upgrade.ts";

export interface ShutdownOptions {
  /** Close code that every connection gets. @default 1001 (going away) */
  readonly code?: number | undefined;
  /** Reason in the close frame, at most 123 bytes. @default "" */
  readonly reason?: string | undefined;
  /** Milliseconds for holds and closing handshakes; what is open then is terminated. @default `drainTimeout` */
  readonly timeout?: number | undefined;
}

/** Milliseconds that connections have to finish when their server closes. */
export const DEFAULT_DRAIN_TIMEOUT_MS = 5_000;
const MAX_REASON_BYTES = 123; // §5.5: a control frame holds 125 bytes, and two are the code

/** The connections and pending upgrades of one attachment, and their drain. */
export class Drain implements UpgradeHome {
  readonly conns: ConnRegistry = new ConnRegistry();
  readonly #pending: Roster<PendingUpgrade> = new Roster();
  readonly #timeout: number;
  #onIdle: (() => void) | undefined;
  #ending: Promise<void> | undefined;

  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  get draining(): boolean {
    return this.#ending !== undefined;
  }

  enter(pending: PendingUpgrade): Place<PendingUpgrade> {
    return this.#pending.add(pending);
  }

  leave(place: Place<PendingUpgrade>): void {
    this.#pending.remove(place);
    if (this.#pending.size === 0) this.#onIdle?.();
  }

  /**
   * Ends everything; a second call joins the first. Resolves when every socket is gone, at the latest after `timeout`.
   *
   * @throws RangeError when the code cannot be sent, the reason is too long or the timeout no time.
   */
  async begin(options: ShutdownOptions = {}): Promise<void> {
    const { code = CloseCode.goingAway, reason = "" } = options;
    const timeout = milliseconds("timeout", options.timeout, this.#timeout);
    if (!isSendableCloseCode(code)) {
      throw new RangeError(`code must be a close code that can be sent, got ${code}`);
    }
    if (Buffer.byteLength(reason) > MAX_REASON_BYTES) {
      throw new RangeError(`reason must have at most ${MAX_REASON_BYTES} bytes in UTF-8`);
    }
    this.#ending ??= this.#run(code, reason, timeout);
    return this.#ending;
  }

  /** The server listens again. */
  reopen(): void {
    this.#ending = undefined;
  }

  async #run(code: number, reason: string, timeout: number): Promise<void> {
    const endsAt = performance.now() + timeout;
    await Promise.all([this.conns.drain({ code, reason, timeout }), this.#pendingGone(timeout)]);
    // Those whose 101 was on its way when the drain began.
    const left = Math.max(1, endsAt - performance.now());
    await this.conns.drain({ code, reason, timeout: left });
  }

  /** Resolves when no upgrade is pending. A guard that outlasts the drain loses its request, with 503. */
  async #pendingGone(timeout: number): Promise<void> {
    if (this.#pending.size === 0) return;
    const cutAll = (): void => {
      for (const pending of this.#pending) {
        pending.cut(503, "WS_SERVER_CLOSING", "the server is closing");
      }
    };
    const timer = timeout === Infinity ? undefined : setTimeout(cutAll, timeout);
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    clearTimeout(timer);
    this.#onIdle = undefined;
  }
}

/**
 * Calls back when the server begins to close and when it listens again. `server.close()` announces itself by no event
 * and waits for every upgraded socket, for ever; so this one server gets its own `close`.
 */
export function watchClose(server: Server, onClose: () => void, onListening: () => void): void {
  const close = server.close.bind(server);
  server.close = (callback) => {
    onClose();
    return close(callback);
  };
  server.on("listening", onListening);
}
