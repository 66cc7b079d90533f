/** What goes wrong with koa-websocket 7 and koa-easy-ws 2, and does not here. */
import Router from "@koa/router";
import { deferred, rawText, requestText, upgradeText, watchForCrashes } from "@longwire/testkit";
import mount from "koa-mount";
import session from "koa-session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { websocket } from "../src/index.ts";
import { echo, errorsOf, listen, served, VERSIONS } from "./app.ts";

let stopWatching: () => Promise<void>;
beforeEach(() => {
  const watch = watchForCrashes();
  stopWatching = () => watch.stop();
});
afterEach(() => stopWatching());

describe.each(VERSIONS)("a WebSocket route of %s", (_version, Koa) => {
  it("ends with 401 when a guard throws it, instead of staying connected for ever", async () => {
    const app = new Koa();
    errorsOf(app);
    app.use((ctx) => ctx.throw(401, "who are you?"));
    app.use(websocket(echo));
    const { server, attachment } = await listen(app);
    const peer = await server.raw();
    peer.send(upgradeText("/", { Host: server.host }));
    expect(await peer.readResponse()).toMatchObject({ status: 401, body: "who are you?" });
    expect(await peer.ended()).toBe("fin");
    expect(attachment.conns.size).toBe(0);
  });

  it("that does not exist is a 404 of Koa", async () => {
    const router = new Router();
    router.get("/somewhere", websocket(echo));
    const app = new Koa();
    app.use(router.routes());
    const answer = await (await served(app)).answerTo("/nowhere");
    expect([answer.status, answer.body]).toEqual([404, "Not Found"]);
  });

  it("can be mounted: prefixes, nested routers, koa-mount", async () => {
    const rooms = new Router({ prefix: "/rooms" });
    rooms.get("/:room", (ctx) =>
      websocket(ctx, (conn) => conn.send(`${ctx.path} ${ctx.params["room"]}`)),
    );
    const house = new Router();
    house.use("/house", rooms.routes());
    const sub = new Koa();
    sub.use(house.routes());
    const app = new Koa();
    app.use(mount("/street", sub));
    app.use(house.routes());
    const server = await served(app);
    expect(await (await server.ws("/house/rooms/1")).next()).toBe("/house/rooms/1 1");
    const mounted = await server.ws("/street/house/rooms/2");
    expect(await mounted.next()).toMatch(/\/house\/rooms\/2 2$/u);
  });

  it("has a response and cookies: ctx.status, ctx.set, ctx.cookies, ctx.session", async () => {
    const app = new Koa();
    app.keys = ["k1"];
    app.use(session(app));
    app.use((ctx, next) => {
      ctx.status = 200;
      ctx.set("X-Seen", "yes");
      ctx.cookies.set("theme", "dark");
      return next();
    });
    app.use(websocket((conn, ctx) => conn.send(`session: ${typeof ctx["session"]}`)));
    const peer = await (await served(app)).ws("/");
    expect(peer.response.header("x-seen")).toBe("yes");
    expect(peer.response.headerValues("set-cookie")[0]).toMatch(/^theme=dark;/u);
    expect(await peer.next()).toBe("session: object");
  });

  it("tells of an error of its handler, and closes", async () => {
    const fault = new Error("the handler's fault");
    const app = new Koa();
    const errors = errorsOf(app);
    app.use(
      websocket(async (conn) => {
        await conn.readMessage();
        throw fault;
      }),
    );
    const peer = await (await served(app)).ws("/");
    peer.send("go");
    expect((await peer.awaitClosed()).code).toBe(1011);
    expect(await errors.next()).toBe(fault);
  });

  it("loses no frame that came with the handshake, nor while middleware waited", async () => {
    const asked = deferred();
    const allowed = deferred();
    const app = new Koa();
    app.use(async (_ctx, next) => {
      asked.resolve();
      await allowed.promise;
      await next();
    });
    app.use(websocket(echo));
    const server = await served(app);
    const peer = await server.raw();
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), rawText("with the request")]));
    await asked.promise;
    peer.send(rawText("meanwhile"));
    allowed.resolve();
    expect((await peer.readResponse()).status).toBe(101);
    expect((await peer.readFrame()).payload.toString()).toBe("with the request");
    expect((await peer.readFrame()).payload.toString()).toBe("meanwhile");
  });

  it("leaves app.listen and `Upgrade: h2c` alone", async () => {
    const app = new Koa();
    const ownListen = Object.getOwnPropertyNames(app).includes("listen");
    app.use((ctx) => {
      ctx.body = "plain";
    });
    const server = await served(app);
    expect([ownListen, Object.getOwnPropertyNames(app).includes("listen")]).toEqual([false, false]);
    const peer = await server.raw();
    const h2c = { Upgrade: "h2c", Connection: "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMA" };
    peer.send(requestText("/", { Host: server.host, ...h2c }));
    expect(await peer.readResponse()).toMatchObject({ status: 200, body: "plain" });
  });
});
