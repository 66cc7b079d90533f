/** The echo server on Hono. */
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { attach, websocket } from "@longwire/hono";
import { Hono, type MiddlewareHandler } from "hono";
import { listening, type EchoOptions, type EchoServer } from "./echo-server.ts";
import { HTTP_BODY, isAuthorized, sessionHeaders, UNAUTHORIZED } from "./http-answers.ts";
import {
  echoByEach,
  echoByPieces,
  echoByRead,
  echoNotes,
  echoPrepared,
  talkInRoom,
} from "./socket-handlers.ts";

const requireToken: MiddlewareHandler = async (c, next) => {
  if (!isAuthorized(c.req.header("Authorization"))) return c.json(UNAUTHORIZED, 401);
  for (const [name, value] of Object.entries(sessionHeaders())) c.header(name, value);
  await next();
  return undefined;
};

export async function startHono({ host, port, upgrade }: EchoOptions): Promise<EchoServer> {
  const app = new Hono();

  app.get("/", websocket(upgrade, echoByRead));
  app.get("/each", websocket(upgrade, echoByEach));
  app.get("/json", websocket(upgrade, echoNotes));
  app.get("/stream", websocket(upgrade, echoByPieces));
  app.get("/prepared", websocket(upgrade, echoPrepared));
  app.get("/guarded", requireToken, websocket(upgrade, echoByRead));
  app.get("/room/:name", (c) =>
    websocket(c, upgrade, (conn) => talkInRoom(conn, c.req.param("name"))),
  );
  app.get("/http", (c) => c.text(HTTP_BODY));

  // Without options for TLS or HTTP/2 the server is one of node:http.
  const server = serve({ fetch: app.fetch, port, hostname: host }) as Server;
  attach(server, app);
  return listening(server);
}
