/** The chat on Express. */
import { attach, websocket } from "@longwire/express";
import express from "express";
import morgan from "morgan";
import { invited, type Start } from "./place.ts";
export const startExpress: Start = ({ port, host, room, log, sockets, cors }) => {
  const app = express().use(morgan("dev", { stream: log }));
  app.get("/chat", (req, res) => {
    if (!invited(req.headers)) return res.status(401).set(cors).json({ error: "unauthorized" });
    return websocket(req, sockets, (conn) => room.join(conn, "Express", req.headers));
  });
  const server = app.listen(port, host);
  attach(server, app);
  return server;
};
