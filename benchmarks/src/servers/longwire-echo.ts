/** Echo handlers of Longwire, one for each way to read. Both keep to backpressure. */

import type { Conn } from "@longwire/engine";
import type { ServerSpec } from "./spec.ts";

const WRITE_WATER_MARK = 65_536; // the default of `writeWaterMark`

function echoEach(conn: Conn): Promise<void> {
  return conn.forEach((message) => {
    const written = conn.writeMessage(message.type, message.data);
    return conn.bufferedAmount < WRITE_WATER_MARK ? undefined : written;
  });
}

async function echoAwaiting(conn: Conn): Promise<void> {
  for await (const message of conn) await conn.writeMessage(message.type, message.data);
}

export function echoHandler(reading: ServerSpec["reading"]): (conn: Conn) => Promise<void> {
  const echo = reading === "forEach" ? echoEach : echoAwaiting;
  return (conn) => echo(conn).catch(() => undefined); // an abnormal end is no concern of an echo
}
