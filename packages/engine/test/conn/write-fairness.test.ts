/** Awaited writes to a peer that takes everything at once. */
import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { MessageType, openConn } from "../../src/index.ts";

describe("a loop of awaited writes", () => {
  it("lets the event loop have its turn, however fast the peer", async () => {
    const socket = new Duplex({
      read() {},
      write(_chunk, _encoding, callback) {
        callback();
      },
    });
    const conn = openConn(socket, Buffer.alloc(0), {
      role: "server",
      options: {},
      subprotocol: "",
      extensions: "",
    });
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const payload = Buffer.alloc(8192);
    for (let message = 0; message < 2048; message++)
      await conn.writeMessage(MessageType.binary, payload);
    clearInterval(count);
    expect(turns).toBeGreaterThanOrEqual(2);
    conn.terminate();
  });
});
