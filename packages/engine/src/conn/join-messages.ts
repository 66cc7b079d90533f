/** All messages of a connection as one stream of bytes. */

import { connInside } from "./conn.ts";
import type { Conn } from "./conn.ts";
import type { MessageReader } from "./message-reader.ts";

/**
 * Gives the bytes of all messages, text and binary, one behind the other, with `terminator` after each one.
 * Pieces come as they arrive. Ends as iteration over the connection does: quietly on 1000, 1001, no code and any close
 * of ours. An end inside a message throws in any case, so that truncation is seen.
 */
export async function* joinMessages(
  conn: Conn,
  terminator: string | Uint8Array = "",
): AsyncGenerator<Buffer, void, undefined> {
  const end = Buffer.from(terminator);
  for (;;) {
    let reader: MessageReader;
    try {
      reader = await conn.nextReader();
    } catch (error) {
      if (connInside(conn).reading.isQuietEnd(error)) return;
      throw error;
    }
    for await (const piece of reader) yield piece;
    if (end.length > 0) yield Buffer.from(end);
  }
}
