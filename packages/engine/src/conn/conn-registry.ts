/** The open connections of one server, and their drain. */

import { connInside } from "./conn.ts";
import type { Conn } from "./conn.ts";

export interface DrainOptions {
  readonly code: number;
  readonly reason: string;
  /** Milliseconds for holds and closing handshakes together; what is open then is terminated. */
  readonly timeout: number;
}

export class ConnRegistry implements Iterable<Conn> {
  readonly #conns: Set<Conn> = new Set();

  get size(): number {
    return this.#conns.size;
  }

  [Symbol.iterator](): Iterator<Conn> {
    return this.#conns.values();
  }

  /** Adds a connection; it removes itself when its socket is gone. */
  add(conn: Conn): void {
    this.#conns.add(conn);
    void conn.closed.then(() => this.#conns.delete(conn));
  }

  /** Closes all connections; those that are held get their time first. Resolves when every socket is gone. */
  async drain(options: DrainOptions): Promise<void> {
    const endsAt = performance.now() + options.timeout;
    const conns = [...this.#conns];
    for (const conn of conns) {
      connInside(conn).lifetime.whenReleased(() => {
        void conn.close(options.code, options.reason, {
          timeout: Math.max(1, endsAt - performance.now()),
        });
      });
    }
    const timer = setTimeout(() => {
      for (const conn of conns) {
        void conn.close(options.code, options.reason); // one that is still held hears of it at last
        conn.terminate();
      }
    }, options.timeout);
    await Promise.all(conns.map((conn) => conn.closed));
    clearTimeout(timer);
  }
}
