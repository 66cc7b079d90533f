/** The chat on Hono. */
import { serve, websocket } from "@longwire/hono";
import { Hono } from "hono";
import { logger } from "hono/logger";
import { invited, type Start } from "./place.ts";
export const startHono: Start = ({ port, host, room, log, sockets, cors }) => {
  const app = new Hono().use(logger(log.print)).get("/chat", async (c) => {
    const headers = c.req.header();
    if (!invited(headers)) return c.json({ error: "unauthorized" }, 401, cors);
    return websocket(c, sockets, (conn) => room.join(conn, "Hono", headers));
  });
  return serve({ fetch: app.fetch, port, hostname: host });
};
