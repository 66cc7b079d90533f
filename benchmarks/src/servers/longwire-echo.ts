/** Echo handlers of Longwire, one for each way to read. All keep to backpressure. */

import type { Conn } from "@longwire/engine";
import type { ServerSpec } from "./spec.ts";

const WRITE_WATER_MARK = 65_536; // the default of `writeWaterMark`

/** The promise of `forEach` is left alone: an abnormal end is no concern of an echo. */
const echoEach =
  (reuseMemory: boolean) =>
  (conn: Conn): void => {
    void conn.forEach(
      (message) => {
        const written = conn.writeMessage(message.type, message.data);
        return conn.bufferedAmount < WRITE_WATER_MARK ? undefined : written;
      },
      { reuseMemory },
    );
  };

async function echoAwaiting(conn: Conn): Promise<void> {
  try {
    for await (const message of conn) await conn.writeMessage(message.type, message.data);
  } catch {
    // the same
  }
}

type Echo = (conn: Conn) => void | Promise<void>;

const ECHOES: Readonly<Record<ServerSpec["reading"], Echo>> = {
  forEach: echoEach(false),
  "forEach, reuseMemory": echoEach(true),
  "for await": echoAwaiting,
};

export function echoHandler(reading: ServerSpec["reading"]): Echo {
  return ECHOES[reading];
}
