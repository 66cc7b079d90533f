/** A Conn as a Duplex of node:stream. */

import { Duplex } from "node:stream";
import { MessageType } from "../messages/message.ts";
import type { DataType } from "../messages/message.ts";
import type { Conn } from "./conn.ts";
import { joinMessages } from "./join-messages.ts";

export interface DuplexOptions {
  /** Type of the messages written: one for each chunk. @default binary */
  readonly type?: DataType | undefined;
}

/**
 * Makes a Duplex: each chunk written is one message; what is read are the bytes of all messages, one behind the other.
 * Ending the writable side closes with 1000; destroying it terminates. Backpressure works both ways.
 */
export function toDuplex(conn: Conn, options: DuplexOptions = {}): Duplex {
  const type = options.type ?? MessageType.binary;
  const bytes = joinMessages(conn);
  const stream = new Duplex({
    read() {
      bytes.next().then(
        ({ value, done }) => stream.push(done === true ? null : value),
        (error: Error) => stream.destroy(error),
      );
    },
    write(chunk: Buffer, _encoding, callback) {
      // The stream may use the chunk's memory again behind the callback, and a write resolves when that is allowed.
      settle(conn.writeMessage(type, chunk), callback);
    },
    final(callback) {
      settle(conn.close(), callback);
    },
    destroy(error, callback) {
      if (conn.readyState !== 3) conn.terminate();
      callback(error);
    },
  });
  return stream;
}

function settle(promise: Promise<unknown>, callback: (error?: Error | null) => void): void {
  promise.then(() => callback(), callback);
}
