/** The plugin on an instance with `http2: true`, as its types see it. */
import { websocket, type FastifyConn } from "@longwire/fastify";
import { Http2Peer } from "@longwire/testkit";
import { fastify } from "fastify";
import { expect, expectTypeOf, it, onTestFinished } from "vitest";
import type { AddressInfo } from "node:net";

it("takes WebSockets over HTTP/2, with the types of the route", async () => {
  const app = fastify({ http2: true });
  onTestFinished(() => app.close());
  await app.register(websocket, { drainTimeout: 100 });
  app.websocket("/a/:id", async (conn, request) => {
    expectTypeOf(conn).toExtend<FastifyConn>();
    await conn.writeMessage(1, `${request.url} ${conn.httpVersion}`);
  });
  app.get("/b", { websocket: true }, async (conn, request) => {
    expectTypeOf(request.url).toEqualTypeOf<string>();
    await conn.writeMessage(1, request.url);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  using client = await Http2Peer.connect((app.server.address() as AddressInfo).port);
  const first = await client.open("/a/1");
  expect((await first.peer.readFrame()).payload.toString()).toBe("/a/1 2.0");
  const second = await client.open("/b");
  expect((await second.peer.readFrame()).payload.toString()).toBe("/b");
});
