/** Failing the connection, and TCP that just ends (RFC 6455 §7.1.7, §7.2). */
import { connAndRawPeer, hex, rawClose, rawText } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { idle, rejectionOf, tcpPair } from "./harness.ts";

describe("RFC 6455 §7.1.7 failing the connection", () => {
  const violations: ReadonlyArray<readonly [string, Buffer, number, string]> = [
    ["an unmasked frame", hex("81 00"), 1002, "WS_MASK_MISSING"],
    ["RSV1", hex("c1 80 00000000"), 1002, "WS_RSV_UNEXPECTED"],
    ["opcode 3", hex("83 80 00000000"), 1002, "WS_OPCODE_UNKNOWN"],
    ["a long length for a short message", hex("81 fe 0001"), 1002, "WS_PAYLOAD_LENGTH_NOT_MINIMAL"],
    [
      "a length with its top bit set",
      hex("82 ff ffffffffffffffff"),
      1002,
      "WS_PAYLOAD_LENGTH_TOO_LARGE",
    ],
    ["a length of 2^53", hex("82 ff 0020000000000000"), 1009, "WS_PAYLOAD_LENGTH_TOO_LARGE"],
    ["a length of 2^31", hex("82 ff 0000000080000000 00000000"), 1009, "WS_READ_LIMIT"],
    ["a fragmented ping", hex("09 80 00000000"), 1002, "WS_CONTROL_FRAGMENTED"],
    ["a ping of 126 bytes", hex("89 fe"), 1002, "WS_CONTROL_TOO_LONG"],
    ["a continuation of nothing", hex("80 80 00000000"), 1002, "WS_CONTINUATION_UNEXPECTED"],
    ["a message inside another", hex("01 80 00000000 81 80 00000000"), 1002, "WS_DATA_BEFORE_FIN"],
    ["a close payload of one byte", hex("88 81 00000000 03"), 1002, "WS_CLOSE_PAYLOAD_INVALID"],
    ["close code 1005", rawClose(1005), 1002, "WS_CLOSE_CODE_INVALID"],
    ["close code 1006", rawClose(1006), 1002, "WS_CLOSE_CODE_INVALID"],
    ["close code 1015", rawClose(1015), 1002, "WS_CLOSE_CODE_INVALID"],
    ["close code 2999", rawClose(2999), 1002, "WS_CLOSE_CODE_INVALID"],
    ["a close reason that is not UTF-8", hex("88 83 00000000 03e8ff"), 1007, "WS_UTF8_INVALID"],
    ["text that is not UTF-8", hex("81 81 00000000 ff"), 1007, "WS_UTF8_INVALID"],
    [
      "text that can't become UTF-8, unfinished",
      hex("01 82 00000000 f490"),
      1007,
      "WS_UTF8_INVALID",
    ],
    [
      "a message over the read limit",
      hex("82 ff 0000000000100001 00000000"),
      1009,
      "WS_READ_LIMIT",
    ],
  ];

  it.each(violations)(
    "by %s: close frame with code and reason, then TCP's end",
    async (_title, bytes, closeCode, code) => {
      const { conn, peer } = await tcpPair("server");
      peer.send(bytes);
      const error = await rejectionOf(conn.readMessage());
      expect(error).toMatchObject({ name: "ProtocolError", code, closeCode });
      const close = await peer.readClose();
      expect(close.code).toBe(closeCode);
      expect(close.reason).toBe((error as Error).message.slice(0, 123));
      expect(close.reason).toMatch(/\w{3}/u);
      expect(await peer.ended()).toBe("fin");
      expect(await conn.closed).toMatchObject({ code: closeCode, wasClean: false });
    },
  );

  it("by a server's masked frame: the client sends 1002 and closes", async () => {
    const { conn, peer } = await tcpPair("client");
    peer.send(rawText("masked"));
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: "WS_MASK_UNEXPECTED" });
    expect((await peer.readClose()).code).toBe(1002);
    peer.end();
    expect(await conn.closed).toMatchObject({ code: 1002 });
  });

  it("looks at nothing that follows, not even a close frame", async () => {
    const { conn, peer } = connAndRawPeer("server");
    peer.send(Buffer.concat([hex("83 80 00000000"), rawText("x"), rawClose(4000)]));
    expect((await peer.readClose()).code).toBe(1002);
    peer.send(rawClose(4000));
    expect(await conn.closed).toMatchObject({ code: 1002, wasClean: false });
  });

  it("gives a peer that does not close closeTimeout", async () => {
    const { conn, peer } = await tcpPair("server", { closeTimeout: 20 }, { halfOpenPeer: true });
    peer.send(hex("83 80 00000000"));
    expect((await peer.readClose()).code).toBe(1002);
    expect(await conn.closed).toMatchObject({ code: 1002 });
  });

  it("sends what the handler answered to the messages before it", async () => {
    const { conn, peer } = connAndRawPeer("server");
    void conn.forEach((message) => void conn.writeMessage(1, `re ${message.text()}`));
    peer.send(Buffer.concat([rawText("good"), hex("83 80 00000000")]));
    expect((await peer.readFrame()).payload.toString()).toBe("re good");
    expect((await peer.readClose()).code).toBe(1002);
  });

  it("behind our own close frame ends the wait for the peer's", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const closed = conn.close(4000);
    await peer.readClose();
    peer.send(hex("83 80 00000000"));
    expect(await closed).toMatchObject({ wasClean: false });
    expect((await peer.readToEnd()).length).toBe(0);
  });
});

describe("TCP ends without a close frame", () => {
  it.each(["end", "reset"] as const)("by the peer's %s: 1006", async (how) => {
    const { conn, peer } = await tcpPair("server");
    await conn.writeMessage(1, "hello");
    await peer.readFrame();
    peer[how]();
    expect(await conn.closed).toEqual({ code: 1006, reason: "", wasClean: false });
  });

  it("while nothing is read: the reset is found by writing", async () => {
    const { conn, peer } = await tcpPair("server", { readQueueMessages: 1 });
    for (let count = 0; count < 10; count++) peer.send(rawText("x"));
    await idle(10);
    peer.reset();
    await idle(10);
    while (conn.readyState !== 3) {
      void conn.writeMessage(1, "probe");
      await idle(1);
    }
    expect(await conn.closed).toMatchObject({ code: 1006 });
    expect((await conn.readMessage()).text()).toBe("x"); // what had come can still be read
  });
});
