/** The echo server on Koa. */
import Router from "@koa/router";
import { attach, websocket } from "@longwire/koa";
import Koa, { type Middleware } from "koa";
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

const requireToken: Middleware = async (ctx, next) => {
  if (!isAuthorized(ctx.get("Authorization"))) {
    ctx.status = 401;
    ctx.body = UNAUTHORIZED;
    return;
  }
  ctx.set(sessionHeaders());
  await next();
};

export async function startKoa({ host, port, upgrade }: EchoOptions): Promise<EchoServer> {
  const app = new Koa();
  const router = new Router();

  router.get("/", websocket(upgrade, echoByRead));
  router.get("/each", websocket(upgrade, echoByEach));
  router.get("/json", websocket(upgrade, echoNotes));
  router.get("/stream", websocket(upgrade, echoByPieces));
  router.get("/prepared", websocket(upgrade, echoPrepared));
  router.get("/guarded", requireToken, websocket(upgrade, echoByRead));
  router.get("/room/:name", (ctx) =>
    websocket(ctx, upgrade, (conn) => talkInRoom(conn, ctx.params["name"] ?? "")),
  );
  router.get("/http", (ctx) => {
    ctx.body = HTTP_BODY;
  });

  app.use(router.routes());
  const server = app.listen(port, host);
  attach(server, app);
  return listening(server);
}
