/** The chat on Koa. */
import { attach, websocket } from "@longwire/koa";
import Koa from "koa";
import logger from "koa-logger";
import { invited, type Start } from "./place.ts";
export const startKoa: Start = ({ port, host, room, log, sockets, cors }) => {
  const app = new Koa().use(logger(log.print)).use((ctx) => {
    if (ctx.path !== "/chat") return ctx.throw(404);
    if (!invited(ctx.headers)) return ctx.throw(401, "unauthorized", { headers: cors });
    return websocket(ctx, sockets, (conn) => room.join(conn, "Koa", ctx.headers));
  });
  const server = app.listen(port, host);
  attach(server, app);
  return server;
};
