/** All messages of a connection as one stream of bytes. */

import { isUnexpectedCloseError } from "./close-errors.ts";
import { CloseCode } from "../close-code.ts";
import { CloseError } from "../errors.ts";
import type { Conn } from "./conn.ts";

/**
 * Gives the bytes of all messages, text and binary, one behind the other, with `terminator` after each one.
 * Pieces come as they arrive. Ends as iteration over the connection does: quietly on 1000, 1001 and no code.
 */
export async function* joinMessages(
  conn: Conn,
  terminator: string | Uint8Array = "",
): AsyncGenerator<Buffer, void, undefined> {
  const end = Buffer.from(terminator);
  try {
    for (;;) {
      const reader = await conn.nextReader();
      for await (const piece of reader) yield piece;
      if (end.length > 0) yield Buffer.from(end);
    }
  } catch (error) {
    const unexpected = isUnexpectedCloseError(
      error,
      CloseCode.normal,
      CloseCode.goingAway,
      CloseCode.noStatusReceived,
    );
    if (unexpected || !(error instanceof CloseError)) throw error;
  }
}
