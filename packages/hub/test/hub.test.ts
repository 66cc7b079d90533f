/** Rooms over pairs of connections in memory. */
import { MessageType, PreparedMessage } from "@longwire/engine";
import { connPair } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { Hub } from "../src/index.ts";

function members(count: number) {
  const pairs = Array.from({ length: count }, () => connPair());
  return { servers: pairs.map(({ server }) => server), clients: pairs.map(({ client }) => client) };
}

describe("a room", () => {
  it("sends a message to every member, the sender included", async () => {
    const room = new Hub().room("blue");
    const { servers, clients } = members(3);
    for (const server of servers) room.join(server);
    expect(room.broadcast("hello")).toBe(3);
    for (const client of clients) {
      const message = await client.readMessage();
      expect([message.type, message.text()]).toEqual([MessageType.text, "hello"]);
    }
  });

  it("leaves out whom it is told to", async () => {
    const room = new Hub().room("blue");
    const { servers, clients } = members(3);
    for (const server of servers) room.join(server);
    expect(room.broadcast("first", { except: servers[0] })).toBe(2);
    expect(room.broadcast("second", { except: [servers[1]!, servers[2]!] })).toBe(1);
    const texts = await Promise.all(
      clients.map(async (client) => (await client.readMessage()).text()),
    );
    expect(texts).toEqual(["second", "first", "first"]);
  });

  it("sends bytes as binary, values as JSON and prepared messages as they are", async () => {
    const room = new Hub().room("blue");
    const { servers, clients } = members(1);
    room.join(servers[0]!);
    room.broadcast(Uint8Array.of(1, 2));
    room.broadcastJSON({ a: 1 });
    room.broadcastPrepared(new PreparedMessage(MessageType.text, "ready"));
    const client = clients[0]!;
    expect((await client.readMessage()).data).toEqual(Buffer.from([1, 2]));
    expect(await client.readJSON()).toEqual({ a: 1 });
    expect((await client.readMessage()).text()).toBe("ready");
    expect(() => room.broadcastJSON(undefined)).toThrow(TypeError);
  });

  it.each([false, true])("passes received messages on as they came, reuseMemory %s", async (on) => {
    const room = new Hub().room("blue");
    const { servers, clients } = members(2);
    for (const server of servers) room.join(server);
    const reading = servers[0]!.forEach((message) => void room.broadcast(message), {
      reuseMemory: on,
    });
    const long = Buffer.alloc(100_000, "long");
    await clients[0]!.writeMessage(MessageType.text, "héllo");
    await clients[0]!.writeMessage(MessageType.binary, Uint8Array.of(1, 255));
    await clients[0]!.writeMessage(MessageType.binary, long);
    for (const client of clients) {
      const text = await client.readMessage();
      expect([text.type, text.text()]).toEqual([MessageType.text, "héllo"]);
      const bytes = await client.readMessage();
      expect([bytes.type, [...bytes.data]]).toEqual([MessageType.binary, [1, 255]]);
      expect((await client.readMessage()).data.equals(long)).toBe(true);
    }
    servers[0]!.terminate();
    await reading;
  });

  it("keeps its order with what a member is sent directly", async () => {
    const room = new Hub().room("blue");
    const { servers, clients } = members(1);
    const server = servers[0]!;
    room.join(server);
    room.broadcast("1");
    server.send("2");
    room.broadcast("3");
    const texts = [];
    for (let count = 0; count < 3; count++) texts.push((await clients[0]!.readMessage()).text());
    expect(texts).toEqual(["1", "2", "3"]);
  });

  it("is left by a member that leaves and by one that ends", async () => {
    const hub = new Hub();
    const room = hub.room("blue");
    const { servers, clients } = members(2);
    for (const server of servers) room.join(server);
    room.leave(servers[0]!);
    expect([room.size, room.has(servers[0]!), [...room].length]).toEqual([1, false, 1]);
    void clients[1]!.close();
    await servers[1]!.closed;
    expect([room.size, [...hub.rooms()].length]).toEqual([0, 0]);
    expect(room.broadcast("nobody hears this")).toBe(0);
  });

  it("takes a member once, and none that has ended", async () => {
    const room = new Hub().room("blue");
    const { servers } = members(2);
    room.join(servers[0]!);
    room.join(servers[0]!);
    servers[1]!.terminate();
    room.join(servers[1]!);
    expect(room.size).toBe(1);
  });
});

describe("a hub", () => {
  it("gives the same room for the same name while somebody is in it", async () => {
    const hub = new Hub();
    const kept = hub.room("blue");
    const { servers } = members(2);
    hub.room("blue").join(servers[0]!);
    kept.join(servers[1]!);
    expect([hub.room("blue").size, kept.size, [...hub.rooms()].length]).toEqual([2, 2, 1]);
  });

  it("refuses names that are no names and names the value", () => {
    const hub = new Hub({ maxNameLength: 4 });
    expect(() => hub.room("12345")).toThrow(/at most 4 characters, got 5/);
    expect(() => hub.room(7 as unknown as string)).toThrow(TypeError);
    expect(() => new Hub({ maxNameLength: 0 })).toThrow(
      /maxNameLength must be a positive whole number, got 0/,
    );
  });
});
