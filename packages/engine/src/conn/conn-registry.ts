/** The open connections of one server, and their drain. */

import { serializeClosePayload } from "../framing/close-payload.ts";
import { connInside } from "./conn.ts";
import type { Conn } from "./conn.ts";
import type { ClosedListener } from "./closed-listener.ts";
import { milliseconds } from "./limits.ts";
import { Place, Roster } from "./roster.ts";

export interface DrainOptions {
  readonly code: number;
  readonly reason: string;
  /** Milliseconds for holds and closing handshakes together; what is open then is terminated. */
  readonly timeout: number;
}

class Entry extends Place<Conn> implements ClosedListener {
  readonly roster: Roster<Conn>;
  nextListener: ClosedListener | undefined;

  constructor(conn: Conn, roster: Roster<Conn>) {
    super(conn, roster);
    this.roster = roster;
  }

  onClosed(): void {
    this.roster.remove(this);
  }
}

export class ConnRegistry implements Iterable<Conn> {
  readonly #conns: Roster<Conn> = new Roster();

  get size(): number {
    return this.#conns.size;
  }

  /** Those that are open at this moment. */
  [Symbol.iterator](): Iterator<Conn> {
    return this.#conns[Symbol.iterator]();
  }

  /** Adds a connection, once; it removes itself when its socket is gone. */
  add(conn: Conn): void {
    const inside = connInside(conn);
    const isOurs = (listener: ClosedListener): boolean =>
      listener instanceof Entry && listener.roster === this.#conns;
    if (!inside.hasClosedListener(isOurs)) inside.whenClosed(new Entry(conn, this.#conns));
  }

  /**
   * Closes all connections; those that are held get their time first. Resolves when every socket is gone.
   *
   * @throws RangeError for a code or reason that can't be sent, or a timeout that is no time.
   */
  async drain(options: DrainOptions): Promise<void> {
    serializeClosePayload(options.code, options.reason);
    const timeout = milliseconds("timeout", options.timeout, Infinity);
    const endsAt = performance.now() + timeout;
    const conns = [...this.#conns];
    for (const conn of conns) {
      connInside(conn).lifetime.whenReleased(() => {
        void conn.close(options.code, options.reason, {
          timeout: Math.max(1, endsAt - performance.now()),
        });
      });
    }
    const terminateAll = (): void => {
      for (const conn of conns) {
        void conn.close(options.code, options.reason); // one that is still held hears of it at last
        conn.terminate();
      }
    };
    const timer = timeout === Infinity ? undefined : setTimeout(terminateAll, timeout);
    await Promise.all(conns.map((conn) => conn.closed));
    clearTimeout(timer);
  }
}
