/** The echo server on Fastify. */
import { websocket } from "@longwire/fastify";
import { fastify, type FastifyReply, type FastifyRequest } from "fastify";
import { portOf, type EchoOptions, type EchoServer } from "./echo-server.ts";
import { HTTP_BODY, isAuthorized, sessionHeaders, UNAUTHORIZED } from "./http-answers.ts";
import {
  echoByEach,
  echoByPieces,
  echoByRead,
  echoNotes,
  echoPrepared,
  talkInRoom,
} from "./socket-handlers.ts";

async function requireToken(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (!isAuthorized(request.headers.authorization)) return reply.code(401).send(UNAUTHORIZED);
  reply.headers(sessionHeaders());
  return undefined;
}

export async function startFastify({ host, port, upgrade }: EchoOptions): Promise<EchoServer> {
  const app = fastify();
  await app.register(websocket, upgrade);

  app.websocket("/", echoByRead);
  app.websocket("/each", echoByEach);
  app.websocket("/json", echoNotes);
  app.websocket("/stream", echoByPieces);
  app.websocket("/prepared", echoPrepared);
  app.websocket("/guarded", { preHandler: requireToken }, echoByRead);
  app.websocket<{ Params: { name: string } }>("/room/:name(^.+$)", (conn, request) =>
    talkInRoom(conn, request.params.name),
  );
  app.get("/http", () => HTTP_BODY);

  await app.listen({ host, port });
  return { port: portOf(app.server), close: () => app.close() };
}
