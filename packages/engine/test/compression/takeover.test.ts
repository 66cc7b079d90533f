/** Context takeover against a persistent zlib stream, at every window: RFC 7692 §7.1. */
import { describe, expect, it } from "vitest";
import { PreparedMessage } from "../../src/index.ts";
import { CompressedConn } from "./compressed-conn.ts";
import { Seeded } from "./sample-text.ts";

const MESSAGES = 150;
const LONGEST_BYTES = 20_000;

/** Has the connection write a message in one of its ways. */
async function write(pair: CompressedConn, message: Buffer, random: Seeded): Promise<void> {
  const way = random.below(100);
  if (way < 30) await pair.conn.writeMessage(2, message, { compress: false });
  else if (way < 45) await pair.conn.writePreparedMessage(new PreparedMessage(2, message));
  else if (way < 55) {
    const writer = await pair.conn.nextWriter(2);
    const cut = random.below(message.length + 1);
    await writer.write(message.subarray(0, cut));
    await writer.flush();
    await writer.write(message.subarray(cut));
    await writer.close();
  } else await pair.conn.writeMessage(2, message);
}

/** Has the connection read a message in one of its ways. */
async function read(pair: CompressedConn, random: Seeded): Promise<Buffer> {
  if (random.chance(80)) return (await pair.conn.readMessage()).data;
  const reader = await pair.conn.nextReader();
  return reader.readAll();
}

describe.each([8, 9, 10, 11, 12, 13, 14, 15])("windows of %i bits", (bits) => {
  it.each(["server", "client"] as const)(
    "%s and a zlib peer keep in step both ways",
    async (role) => {
      const random = new Seeded(bits * 2 + (role === "server" ? 0 : 1));
      const pair = new CompressedConn({
        role,
        negotiated: { serverMaxWindowBits: bits, clientMaxWindowBits: bits },
        compression: { threshold: 50, level: random.chance(50) ? 1 : 6 },
      });
      for (let count = 0; count < MESSAGES; count++) {
        const message = random.message(LONGEST_BYTES);
        await write(pair, message, random);
        expect((await pair.read()).data.equals(message)).toBe(true);

        const theirs = random.message(LONGEST_BYTES);
        const compress = random.chance(70);
        await pair.send(theirs, { compress, fragmentBytes: random.chance(30) ? 700 : Infinity });
        expect((await read(pair, random)).equals(theirs)).toBe(true);
      }
      pair.conn.terminate();
    },
  );
});

describe("without context takeover", () => {
  it.each(["server", "client"] as const)("each message of the %s stands alone", async (role) => {
    const random = new Seeded(41);
    const pair = new CompressedConn({
      role,
      negotiated: { serverNoContextTakeover: true, clientNoContextTakeover: true },
    });
    for (let count = 0; count < 60; count++) {
      const message = random.message(5000);
      await write(pair, message, random);
      expect((await pair.read()).data.equals(message)).toBe(true);
      await pair.send(message);
      expect((await read(pair, random)).equals(message)).toBe(true);
    }
    pair.conn.terminate();
  });
});
