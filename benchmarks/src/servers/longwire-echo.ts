/** Echo handlers of Longwire, one for each way to read. All keep to backpressure. */

import type { Conn } from "@longwire/engine";
import type { ServerSpec } from "./spec.ts";

const WRITE_WATER_MARK = 65_536; // the default of `writeWaterMark`

const echoEach =
  (reuseMemory: boolean) =>
  (conn: Conn): Promise<void> =>
    conn.forEach(
      (message) => {
        const written = conn.writeMessage(message.type, message.data);
        return conn.bufferedAmount < WRITE_WATER_MARK ? undefined : written;
      },
      { reuseMemory },
    );

async function echoAwaiting(conn: Conn): Promise<void> {
  for await (const message of conn) await conn.writeMessage(message.type, message.data);
}

const ECHOES: Readonly<Record<ServerSpec["reading"], (conn: Conn) => Promise<void>>> = {
  forEach: echoEach(false),
  "forEach, reuseMemory": echoEach(true),
  "for await": echoAwaiting,
};

export function echoHandler(reading: ServerSpec["reading"]): (conn: Conn) => Promise<void> {
  const echo = ECHOES[reading];
  return (conn) => echo(conn).catch(() => undefined); // an abnormal end is no concern of an echo
}
