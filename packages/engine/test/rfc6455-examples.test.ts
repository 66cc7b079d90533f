/** Every example of RFC 6455: §1.2, §1.3 and §5.7, received and sent. */
import { connAndRawPeer, hex, toHex, type RawPeer } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { FrameBatch } from "../src/framing/frame-batch.ts";
import { acceptKey } from "../src/opening-handshake/accept-key.ts";
import { brief, parse } from "./framing/frame-log.ts";

/** The key of the RFC's masked examples. */
const KEY = 0x37_fa_21_3d;

/** What a server sends, or with a key a client. */
function serialize(first: number, payload: string | Uint8Array, key?: number): string {
  const batch = new FrameBatch(key === undefined ? undefined : () => key);
  batch.append(first, payload);
  const bytes = Buffer.concat(batch.take());
  batch.settle(true);
  return toHex(bytes);
}

async function bytesOf(peer: RawPeer, count: number): Promise<string> {
  return toHex(await peer.readBytes(count));
}

describe("RFC 6455 §1.3 opening handshake", () => {
  it("the key of the example gives its accept value", () => {
    expect(acceptKey("dGhlIHNhbXBsZSBub25jZQ==")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });
});

describe("RFC 6455 §5.7 examples", () => {
  it("a single-frame unmasked text message", () => {
    const bytes = "81 05 48 65 6c 6c 6f";
    expect(brief(parse("client", bytes))).toEqual([`1:${Buffer.from("Hello").toString("hex")}`]);
    expect(serialize(0x81, "Hello")).toBe(bytes);
  });

  it("a single-frame masked text message", () => {
    const bytes = "81 85 37 fa 21 3d 7f 9f 4d 51 58";
    expect(brief(parse("server", bytes))).toEqual([`1:${Buffer.from("Hello").toString("hex")}`]);
    expect(serialize(0x81, "Hello", KEY)).toBe(bytes);
  });

  it("a fragmented unmasked text message", async () => {
    const { conn, peer } = connAndRawPeer("client");
    peer.sendHex("01 03 48 65 6c 80 02 6c 6f");
    expect((await conn.readMessage()).text()).toBe("Hello");

    const { conn: server, peer: client } = connAndRawPeer("server");
    const writer = await server.nextWriter(1);
    await writer.write("Hel");
    await writer.flush();
    await writer.write("lo");
    await writer.close();
    expect(await bytesOf(client, 9)).toBe("01 03 48 65 6c 80 02 6c 6f");
  });

  it("unmasked ping request and masked ping response", async () => {
    const { peer } = connAndRawPeer("client");
    peer.sendHex("89 05 48 65 6c 6c 6f");
    expect(await peer.readFrame()).toMatchObject({
      opcode: 0xa,
      masked: true,
      payload: Buffer.from("Hello"),
    });
    expect(serialize(0x8a, "Hello", KEY)).toBe("8a 85 37 fa 21 3d 7f 9f 4d 51 58");

    const { conn, peer: client } = connAndRawPeer("server");
    const ping = conn.ping("Hello");
    expect(await bytesOf(client, 7)).toBe("89 05 48 65 6c 6c 6f");
    client.sendHex("8a 85 37 fa 21 3d 7f 9f 4d 51 58");
    expect(await ping).toBeGreaterThanOrEqual(0);
  });

  it("256 bytes binary message in a single unmasked frame", async () => {
    const payload = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    const { conn, peer } = connAndRawPeer("client");
    peer.send(Buffer.concat([hex("82 7e 0100"), payload]));
    expect((await conn.readMessage()).data.equals(payload)).toBe(true);
    expect(serialize(0x82, payload)).toBe(`82 7e 01 00 ${toHex(payload)}`);
  });

  it("64KiB binary message in a single unmasked frame", async () => {
    const payload = Buffer.alloc(65_536, 0x5a);
    const { conn, peer } = connAndRawPeer("client");
    peer.send(Buffer.concat([hex("82 7f 0000000000010000"), payload]));
    expect((await conn.readMessage()).data.equals(payload)).toBe(true);

    const { conn: server, peer: client } = connAndRawPeer("server");
    void server.writeMessage(2, payload);
    expect(await bytesOf(client, 10)).toBe("82 7f 00 00 00 00 00 01 00 00");
    expect((await client.readBytes(65_536)).equals(payload)).toBe(true);
  });
});

describe("RFC 6455 §5.2 the example of a length that can't be", () => {
  it("124 bytes can't be encoded as the sequence 126, 0, 124", () => {
    expect(() => parse("client", `82 7e 007c ${"61".repeat(124)}`)).toThrow(
      expect.objectContaining({ code: "WS_PAYLOAD_LENGTH_NOT_MINIMAL" }),
    );
    expect(serialize(0x82, Buffer.alloc(124)).slice(0, 8)).toBe("82 7c 00");
  });
});
