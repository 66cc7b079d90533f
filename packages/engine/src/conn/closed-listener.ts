/**
 * Hears that a socket is gone. An object, since a closure takes twice the memory for each connection, and a link of a
 * chain, since a list of two takes 64 bytes.
 */
export interface ClosedListener {
  onClosed(): void;
  /** The next one of the same connection, whose field this is. */
  nextListener: ClosedListener | undefined;
}
