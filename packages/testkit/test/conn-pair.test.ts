/** Two Conns, or a Conn and a raw peer, over a pair in memory. */
import { describe, expect, it } from "vitest";
import { connAndRawPeer, connPair } from "../src/conn-pair.ts";
import { rawClose, rawFrame, rawText, readClosePayload } from "../src/raw-frame.ts";

describe("a pair of Conns", () => {
  it("talks both ways and closes cleanly", async () => {
    const { server, client } = connPair();
    await client.writeMessage(1, "hello");
    expect((await server.readMessage()).text()).toBe("hello");
    const long = Buffer.alloc(200_000, 7);
    await server.writeMessage(2, long);
    expect(long.equals((await client.readMessage()).data)).toBe(true);
    void server.readMessage().catch(() => {});
    expect(await client.close(4000, "done")).toMatchObject({ code: 4000, wasClean: true });
    expect(await server.closed).toMatchObject({ code: 4000, reason: "done", wasClean: true });
  });

  it("gives each end its own options", async () => {
    const { server, client } = connPair({ server: { readLimit: 4 } });
    await client.writeMessage(1, "too long");
    await expect(server.readMessage()).rejects.toMatchObject({ closeCode: 1009 });
    await expect(client.readMessage()).rejects.toMatchObject({ code: 1009 });
  });
});

describe("a Conn and a raw peer", () => {
  it("reads what came behind the handshake and answers a close frame", async () => {
    const { conn, peer } = connAndRawPeer("server", {}, rawText("early"));
    expect((await conn.readMessage()).text()).toBe("early");
    void conn.writeMessage(1, "reply");
    expect(await peer.readFrame()).toMatchObject({ opcode: 1, masked: false });
    peer.send(rawClose(1000));
    expect((await peer.readClose()).code).toBe(1000);
    expect(await peer.ended()).toBe("fin");
  });

  it("masks what a client sends, with a fresh key each time", async () => {
    const { conn, peer } = connAndRawPeer("client");
    void conn.writeMessage(1, "one");
    const first = await peer.readFrame();
    expect([first.masked, first.payload.toString()]).toEqual([true, "one"]);
    peer.send(rawFrame({ opcode: 8, payload: Buffer.from([0x0f, 0xa0]), mask: false }));
    const close = await peer.readFrame();
    expect([close.masked, readClosePayload(close.payload).code]).toEqual([true, 4000]);
    peer.end();
    expect(await conn.closed).toMatchObject({ code: 4000 });
  });
});
