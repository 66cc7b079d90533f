/** Where a route may stand: koa-mount, routers, several copies of Koa, several apps and listeners on a server. */
import { createServer } from "node:http";
import Router from "@koa/router";
import { TestServer } from "@longwire/testkit";
import mount from "koa-mount";
import { WebSocketServer } from "ws";
import { describe, expect, it, onTestFinished } from "vitest";
import { attach, isWebSocketUpgrade, websocket } from "../src/index.ts";
import { served, VERSIONS } from "./app.ts";

const OTHERS = VERSIONS.flatMap(([outer, App]) =>
  VERSIONS.map(([inner, Other]) => [outer, inner, App, Other] as const),
);

describe.each(OTHERS)("an app of %s with a mounted app of %s", (_outer, _inner, App, Other) => {
  it("serves both, with the middleware of both around the inner one", async () => {
    const sub = new Other();
    sub.use(async (ctx, next) => {
      await next();
      ctx.set("X-Sub", "yes");
    });
    sub.use((ctx) => {
      if (ctx.path === "/closed") ctx.throw(403, "members only", { expose: true });
      return websocket(ctx, (conn) => conn.send("from the sub-app"));
    });
    const app = new App();
    app.on("error", () => {});
    app.use(async (ctx, next) => {
      await next();
      ctx.set("X-App", "yes");
    });
    app.use(mount("/sub", sub));
    app.use(websocket((conn) => conn.send("from the app")));
    const server = await served(app);
    const peer = await server.ws("/sub/blue");
    expect(await peer.next()).toBe("from the sub-app");
    expect([peer.response.header("x-sub"), peer.response.header("x-app")]).toEqual(["yes", "yes"]);
    expect(await (await server.ws("/blue")).next()).toBe("from the app");
    const refusal = await server.refused("/sub/closed");
    expect([refusal.status, refusal.body]).toEqual([403, "members only"]);
  });
});

describe.each(VERSIONS)("routes of %s", (_version, App) => {
  it("of a router: parameters, parameter middleware, nested prefixes, one URL for a page", async () => {
    const seats = new Router();
    seats.param("seat", (seat, ctx, next) => {
      if (seat === "0") ctx.throw(404, "no such seat");
      return next();
    });
    seats.get("/seats/:seat", async (ctx) => {
      if (!isWebSocketUpgrade(ctx.req)) {
        ctx.body = `seat ${ctx.params["seat"]}`;
        return;
      }
      await websocket(ctx, (conn) => conn.send(JSON.stringify(ctx.params)));
    });
    const rooms = new Router({ prefix: "/rooms" });
    rooms.use("/:room", seats.routes(), seats.allowedMethods());
    const app = new App();
    app.on("error", () => {});
    app.use(rooms.routes()).use(rooms.allowedMethods());
    const server = await served(app);
    const peer = await server.ws("/rooms/blue%20salon/seats/7");
    expect(JSON.parse(String(await peer.next()))).toEqual({ room: "blue salon", seat: "7" });
    expect((await server.get("/rooms/blue/seats/7")).body).toBe("seat 7");
    expect((await server.refused("/rooms/blue/seats/0")).status).toBe(404);
  });

  it("of two apps share a server by `only`, beside a WebSocketServer of ws", async () => {
    const chat = new App().use(websocket((conn) => conn.send("chat")));
    const rest = new App().use(websocket((conn) => conn.send("rest")));
    const callback = rest.callback();
    const listening = createServer((request, response) => void callback(request, response));
    const theirs = new WebSocketServer({ noServer: true });
    onTestFinished(() => theirs.close());
    listening.on("upgrade", (request, socket, head) => {
      if (request.url !== "/theirs") return;
      theirs.handleUpgrade(request, socket, head, (ws) => ws.send("theirs"));
    });
    attach(listening, chat, { only: ({ url }) => url === "/chat" });
    const attachment = attach(listening, rest);
    const server = await TestServer.of(listening.listen(0, "127.0.0.1"), attachment);
    expect(await (await server.ws("/chat")).next()).toBe("chat");
    expect(await (await server.ws("/other")).next()).toBe("rest");
    expect(await (await server.ws("/theirs")).next()).toBe("theirs");
  });
});
