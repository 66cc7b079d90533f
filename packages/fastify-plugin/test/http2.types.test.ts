import { websocket, type FastifyConn } from "@longwire/fastify";
import { fastify } from "fastify";
import { expectTypeOf, it } from "vitest";
it("x", async () => {
  const app = fastify({ http2: true });
  await app.register(websocket, { drainTimeout: 100 });
  app.websocket("/a/:id", async (conn, request) => {
    expectTypeOf(conn).toExtend<FastifyConn>();
    expectTypeOf(request.url).toEqualTypeOf<string>();
  });
  app.get("/b", { websocket: true }, async (conn, request) => {
    expectTypeOf(conn).toExtend<FastifyConn>();
    expectTypeOf(request.url).toEqualTypeOf<string>();
  });
  await app.close();
});
