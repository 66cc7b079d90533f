/** The echo server on Express. */
import { attach, websocket } from "@longwire/express";
import express, { type RequestHandler } from "express";
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

const requireToken: RequestHandler = (req, res, next) => {
  if (!isAuthorized(req.headers.authorization)) {
    res.status(401).json(UNAUTHORIZED);
    return;
  }
  res.set(sessionHeaders());
  next();
};

export async function startExpress({ host, port, upgrade }: EchoOptions): Promise<EchoServer> {
  const app = express();

  app.get("/", websocket(upgrade, echoByRead));
  app.get("/each", websocket(upgrade, echoByEach));
  app.get("/json", websocket(upgrade, echoNotes));
  app.get("/stream", websocket(upgrade, echoByPieces));
  app.get("/prepared", websocket(upgrade, echoPrepared));
  app.get("/guarded", requireToken, websocket(upgrade, echoByRead));
  app.get("/room/:name", (req) =>
    websocket(req, upgrade, (conn) => talkInRoom(conn, req.params.name)),
  );
  app.get("/http", (_req, res) => {
    res.send(HTTP_BODY);
  });

  const server = app.listen(port, host);
  attach(server, app);
  return listening(server);
}
