/** The time that the peer has to answer a close frame, and then to end TCP. */

import { endWait, startWait, Timed } from "./shared-timer.ts";

export class CloseLimit extends Timed {
  readonly #conn: { terminate(): void };

  constructor(conn: { terminate(): void }) {
    super();
    this.#conn = conn;
  }

  /** @param ms - From now on; `Infinity` for no limit. */
  set(ms: number): void {
    if (ms === Infinity) endWait(this);
    else startWait(this, ms);
  }

  onTime(): void {
    this.#conn.terminate();
  }
}
