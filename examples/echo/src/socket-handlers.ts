/** What happens on the sockets: the same handlers run in all five servers. */
import { CloseCode, PreparedMessage, type Conn, type Message } from "@longwire/engine";
import { Hub } from "@longwire/hub";

/** `/`: one message read, one written, again and again. Ends when reading fails. */
export async function echoByRead(conn: Conn): Promise<void> {
  for (;;) {
    const message = await conn.readMessage();
    await conn.writeMessage(message.type, message.data);
  }
}

/** Bytes waiting to be sent from which `/each` waits for the peer. */
const BEHIND_BYTES = 65_536;

/** `/each`: the engine calls back for each message, at once for all messages of a packet. */
export async function echoByEach(conn: Conn): Promise<void> {
  await conn.forEach((message) => {
    const written = conn.writeMessage(message.type, message.data);
    return conn.bufferedAmount < BEHIND_BYTES ? undefined : written;
  });
}

/** `/stream`: pieces of a message go out as they come in, however long it is. */
export async function echoByPieces(conn: Conn): Promise<void> {
  for (;;) {
    const reader = await conn.nextReader();
    const writer = await conn.nextWriter(reader.type);
    for await (const piece of reader) await writer.write(piece);
    await writer.close();
  }
}

/** `/prepared`: each message serialized as for many connections. */
export async function echoPrepared(conn: Conn): Promise<void> {
  for await (const { type, data } of conn) {
    await conn.writePreparedMessage(new PreparedMessage(type, data));
  }
}

interface Note {
  readonly text: string;
}

function isNote(value: unknown): value is Note {
  return (
    typeof value === "object" && value !== null && "text" in value && typeof value.text === "string"
  );
}

function readNote(message: Message): Note | undefined {
  try {
    const value = message.json();
    return isNote(value) ? { text: value.text } : undefined;
  } catch {
    return undefined; // not JSON at all
  }
}

/** `/json`: echoes `{ "text": string }` and closes with 1007 at anything else. */
export async function echoNotes(conn: Conn): Promise<void> {
  for await (const message of conn) {
    const note = readNote(message);
    if (note === undefined) {
      await conn.close(CloseCode.invalidPayload, 'expected { "text": string }');
      return;
    }
    await conn.writeJSON(note);
  }
}

const hub = new Hub();

/** `/room/:name`: every message goes to everybody in the room, its sender included. */
export async function talkInRoom(conn: Conn, name: string): Promise<void> {
  const room = hub.room(name);
  room.join(conn);
  await conn.forEach((message) => {
    room.broadcast(message);
  });
}
