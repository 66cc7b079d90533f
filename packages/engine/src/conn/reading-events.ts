/** The way from the reading half of a connection to the rest of it. */

import type { ProtocolError } from "../errors.ts";

/** What the reading half tells the connection. */
export interface ReadingEvents {
  /** The peer broke a rule or a limit. */
  onViolation(error: ProtocolError): void;
  /** A callback of `forEach` threw or rejected. */
  onCallbackError(error: unknown): void;
  /** All input that is there has been looked at: what has been queued meanwhile can go out. */
  onInputDone(): void;
  /** Somebody who read has stopped: an iterator or `forEach` has ended. */
  onReaderGone(): void;
  /** Reading from the socket goes on after a pause. */
  onResumed(): void;
}
