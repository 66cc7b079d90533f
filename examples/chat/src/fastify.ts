/** The chat on Fastify, which also serves the page. */
import { websocket } from "@longwire/fastify";
import { fastify, type preHandlerAsyncHookHandler } from "fastify";
import { invited, type Start } from "./place.ts";
import { site } from "./site.ts";
export const startFastify: Start = async ({ port, host, room, log, sockets, servers }) => {
  const app = fastify({ logger: { stream: log } });
  await app.register(websocket, sockets);
  await app.register(site, { servers });
  const preHandler: preHandlerAsyncHookHandler = async ({ headers }, reply) =>
    invited(headers) || reply.code(401).send({ error: "unauthorized" });
  app.websocket("/chat", { preHandler }, (conn, req) => room.join(conn, "Fastify", req.headers));
  await app.listen({ port, host });
  return app;
};
