/** `ctx.upgrade()` and `ctx.isUpgrade`: middleware that decides in the middle of a chain. */
import {
  deferred,
  Inbox,
  rawText,
  TestServer,
  upgradeText,
  watchForCrashes,
} from "@longwire/testkit";
import { connect } from "@longwire/koa/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HandshakeError, upgrades, type Conn } from "../src/index.ts";
import { echo, errorsOf, listen, served, VERSIONS } from "./app.ts";

let stopWatching: () => Promise<void>;
beforeEach(() => {
  const watch = watchForCrashes();
  stopWatching = () => watch.stop();
});
afterEach(() => stopWatching());

describe.each(VERSIONS)("ctx.upgrade() on %s", (_version, App) => {
  it("sends the 101 then and there, with what was set by then", async () => {
    const open = deferred();
    const app = new App();
    app.use(upgrades());
    app.use(async (ctx, next) => {
      ctx.set("X-Before", "yes");
      await next();
      open.resolve();
      ctx.set("X-After", "too late");
    });
    app.use(async (ctx) => {
      const conn = await ctx.upgrade({ subprotocols: ["chat"] });
      expect(conn.subprotocol).toBe("chat");
      conn.send("in the middle of the chain");
    });
    const peer = await (await served(app)).ws("/", { subprotocols: ["chat"] });
    expect(await peer.next()).toBe("in the middle of the chain");
    await open.promise;
    expect(peer.response.header("x-before")).toBe("yes");
    expect(peer.response.header("x-after")).toBeUndefined();
  });

  it("serves a page and a socket by one URL", async () => {
    const app = new App();
    app.use(upgrades());
    app.use(async (ctx) => {
      if (ctx.isUpgrade) await echo(await ctx.upgrade());
      else ctx.body = "a page";
    });
    const server = await served(app);
    expect((await server.get("/")).body).toBe("a page");
    const peer = await server.ws("/");
    peer.send("a socket");
    expect(await peer.next()).toBe("a socket");
  });

  it("gives a connection that no middleware's return closes", async () => {
    const given = deferred<Conn>();
    const back = deferred();
    const app = new App();
    app.use(async (_ctx, next) => {
      await next();
      back.resolve();
    });
    app.use(upgrades());
    app.use(async (ctx) => {
      const conn = await ctx.upgrade();
      await conn.readMessage(); // a handler that has read would be over now
      given.resolve(conn);
    });
    const server = await served(app);
    const peer = await server.rawSocket("/");
    peer.send(rawText("first"));
    const conn = await given.promise;
    await back.promise;
    await conn.writeMessage(1, "still open");
    expect((await peer.readFrame()).payload.toString()).toBe("still open");
    peer.send(rawText("second"));
    expect((await conn.readMessage()).text()).toBe("second");
  });

  it("has the limits of the middleware, and of its own options", async () => {
    const own = { maxConnections: 1 };
    const app = new App();
    errorsOf(app);
    app.use(upgrades({ maxConnections: 2 }));
    app.use(async (ctx) => {
      await echo(await ctx.upgrade(ctx.path === "/own" ? own : undefined));
    });
    const server = await served(app);
    await server.ws("/");
    await server.ws("/");
    expect((await server.refused("/")).status).toBe(503);
    await server.ws("/own");
    expect((await server.refused("/own")).status).toBe(503);
  });

  it("knows host and address behind a proxy", async () => {
    const app = new App({ proxy: true });
    app.use(upgrades());
    app.use(async (ctx) => {
      const conn = await ctx.upgrade();
      conn.send(String(conn.remoteAddress));
    });
    const peer = await (
      await served(app)
    ).ws("/", {
      origin: "https://chat.example.com",
      headers: { "X-Forwarded-Host": "chat.example.com", "X-Forwarded-For": "203.0.113.9" },
    });
    expect(await peer.next()).toBe("203.0.113.9");
  });

  describe("when it is refused", () => {
    it("throws HandshakeError, and has sent the refusal", async () => {
      const app = new App();
      const thrown = deferred<unknown>();
      app.use(upgrades({ warn: () => {} }));
      app.use(async (ctx) => {
        await ctx.upgrade().catch((error: unknown) => thrown.resolve(error));
      });
      const answer = await (await served(app)).answerTo("/", { Origin: "https://evil.example" });
      expect(answer.status).toBe(403);
      expect(await thrown.promise).toBeInstanceOf(HandshakeError);
      expect(await thrown.promise).toMatchObject({ status: 403, expose: true });
    });

    it("is an error of Koa's that its own log leaves out", async () => {
      const app = new App();
      const errors = errorsOf(app);
      app.use(upgrades({ warn: () => {} }));
      app.use(async (ctx) => void (await ctx.upgrade()));
      const answer = await (await served(app)).answerTo("/", { Origin: "https://evil.example" });
      expect(answer.status).toBe(403);
      expect(await errors.next()).toMatchObject({ status: 403, expose: true });
    });

    it("since the request is an ordinary one, Koa answers with 426", async () => {
      const app = new App();
      errorsOf(app);
      app.use(upgrades());
      app.use(async (ctx) => void (await ctx.upgrade()));
      const answer = await (await served(app)).get("/");
      expect(answer.status).toBe(426);
      expect(answer.header("upgrade")).toBe("websocket");
    });

    it("since the request is an ordinary one, whoever catches the error answers", async () => {
      const app = new App();
      app.use(upgrades());
      app.use(async (ctx) => {
        await ctx.upgrade().catch(() => {
          ctx.body = "a page instead";
        });
      });
      expect(await (await served(app)).get("/")).toMatchObject({
        status: 200,
        body: "a page instead",
      });
    });

    it("since nobody attached the server, Koa answers with 500", async () => {
      const app = new App();
      const errors = errorsOf(app);
      app.use(upgrades());
      app.use(async (ctx) => void (await ctx.upgrade()));
      const server = await TestServer.of(app.listen(0, "127.0.0.1"));
      expect((await server.answerTo("/")).status).toBe(500);
      expect(await errors.next()).toMatchObject({ code: "WS_NOT_ATTACHED" });
    });
  });

  it("of a peer that has reset its connection is an error that Koa's log leaves out", async () => {
    const app = new App();
    const errors = errorsOf(app);
    const asked = new Inbox<undefined>("a request");
    const open = new Inbox<() => void>("the gate");
    app.use(upgrades());
    app.use(async (ctx) => {
      asked.push(undefined);
      if (ctx.path === "/gone") await new Promise<void>((resolve) => open.push(resolve));
      await echo(await ctx.upgrade());
    });
    const server = await served(app);
    const peer = await server.raw();
    peer.send(upgradeText("/gone", { Host: server.host }));
    const pass = await open.next();
    peer.reset();
    pass();
    await (await server.ws("/")).roundTrip();
    for (const error of errors.all) expect(error).toMatchObject({ expose: true });
    expect(asked.all).toHaveLength(2);
  });

  describe("when the chain fails behind it", () => {
    it("closes with 1011 and emits the error once", async () => {
      const fault = new Error("behind the 101");
      const outer = new Inbox<string>("what outer middleware saw");
      const app = new App();
      const errors = errorsOf(app);
      app.use(async (_ctx, next) => {
        await next().then(
          () => outer.push("came back"),
          () => outer.push("failed"),
        );
      });
      app.use(upgrades());
      app.use(async (ctx) => {
        const conn = await ctx.upgrade();
        await conn.readMessage();
        throw fault;
      });
      const peer = await (await served(app)).ws("/");
      peer.send("go");
      expect((await peer.awaitClosed()).code).toBe(1011);
      expect(await errors.next()).toBe(fault);
      expect(await outer.next()).toBe("came back"); // nobody can answer any more
      expect(errors.all).toHaveLength(1);
    });

    it("by the end of the connection is no error", async () => {
      const app = new App();
      const errors = errorsOf(app);
      const ended = deferred();
      app.use(async (_ctx, next) => {
        await next();
        ended.resolve();
      });
      app.use(upgrades());
      app.use(async (ctx) => {
        const conn = await ctx.upgrade();
        for (;;) await conn.readMessage();
      });
      const { server, attachment } = await listen(app);
      await (await server.ws("/")).close(4000);
      await ended.promise;
      await (await server.ws("/")).close();
      expect(errors.all).toEqual([]);
      expect(attachment.conns.size).toBe(0);
    });

    it("emits what a message of ours that cannot be sent throws, and goes on", async () => {
      const app = new App();
      const errors = errorsOf(app);
      app.use(upgrades());
      app.use(async (ctx) => {
        const conn = await ctx.upgrade();
        void conn.writeJSON(() => "no JSON");
        conn.send("still open");
      });
      await using conn = await connect(app, "/");
      expect((await conn.readMessage()).text()).toBe("still open");
      expect(await errors.next()).toBeInstanceOf(TypeError);
    });
  });
});
