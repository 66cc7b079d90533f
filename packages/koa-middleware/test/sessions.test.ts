/** Sessions and sign-in: the middleware that Koa applications keep them with, unchanged, around a socket. */
import type { IncomingMessage } from "node:http";
import Router from "@koa/router";
import { deferred, type RawResponse } from "@longwire/testkit";
import type Koa from "koa";
import type { Context } from "koa";
import { KoaPassport } from "koa-passport";
import session from "koa-session";
import { Strategy } from "passport";
import { describe, expect, it } from "vitest";
import { websocket } from "../src/index.ts";
import { echo, errorsOf, served, VERSIONS } from "./app.ts";

/** What a client sends back of the cookies that it was given. */
function cookies(response: RawResponse): { readonly headers: { readonly Cookie: string } } {
  const pairs = response.headerValues("set-cookie").map((line) => line.split(";", 1)[0]);
  return { headers: { Cookie: pairs.join("; ") } };
}

interface Session {
  visits?: number;
}

function sessionOf(ctx: Context): Session {
  return ctx["session"] as Session; // koa-session puts it there
}

function withSessions(App: typeof Koa, options: Parameters<typeof session>[0] = {}): Koa {
  const app = new App();
  app.keys = ["k1"];
  app.use(session(options, app));
  return app;
}

describe.each(VERSIONS)("koa-session on %s", (_version, App) => {
  it("sets its cookies on the 101, and knows them when the client comes back", async () => {
    const app = withSessions(App);
    app.use((ctx, next) => {
      const own = sessionOf(ctx);
      own.visits = (own.visits ?? 0) + 1;
      return next();
    });
    app.use(websocket((conn, ctx) => conn.send(`visit ${sessionOf(ctx).visits}`)));
    const server = await served(app);
    const first = await server.ws("/");
    expect(await first.next()).toBe("visit 1");
    expect(first.response.headerValues("set-cookie")).toEqual([
      expect.stringMatching(/^koa\.sess=.*httponly$/u),
      expect.stringMatching(/^koa\.sess\.sig=/u),
    ]);
    expect(await (await server.ws("/", cookies(first.response))).next()).toBe("visit 2");
  });

  it("takes what middleware changes after await next()", async () => {
    const app = withSessions(App);
    app.use(async (ctx, next) => {
      await next();
      sessionOf(ctx).visits = 10;
    });
    app.use(websocket((conn, ctx) => conn.send(`before: ${sessionOf(ctx).visits}`)));
    const server = await served(app);
    const first = await server.ws("/");
    expect(await first.next()).toBe("before: 10"); // the handler starts behind the whole chain
    const page = await server.ws("/", cookies(first.response));
    expect(await page.next()).toBe("before: 10");
  });

  it("has saved to its store before the 101 goes out", async () => {
    const saved: string[] = [];
    const store = {
      get: async () => Promise.resolve(undefined),
      set: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        saved.push("saved");
      },
      destroy: async () => Promise.resolve(),
    };
    const app = withSessions(App, { store });
    app.use((ctx) => {
      sessionOf(ctx).visits = 1;
      return websocket(ctx, (conn) => conn.send(saved.join()));
    });
    expect(await (await (await served(app)).ws("/")).next()).toBe("saved");
  });

  it("that cannot save refuses with 500", async () => {
    const fault = new Error("the store is down");
    const store = {
      get: async () => Promise.resolve(undefined),
      set: async () => Promise.reject(fault),
      destroy: async () => Promise.resolve(),
    };
    const app = withSessions(App, { store });
    const errors = errorsOf(app);
    app.use((ctx) => {
      sessionOf(ctx).visits = 1;
      return websocket(ctx, echo);
    });
    expect((await (await served(app)).answerTo("/")).status).toBe(500);
    expect(await errors.next()).toBe(fault);
  });
});

/** Signs in whoever names himself in a header. */
class NameStrategy extends Strategy {
  override name = "name";

  override authenticate({ headers }: Pick<IncomingMessage, "headers">): void {
    const name = headers["x-name"];
    if (name === undefined) this.fail("Name", 401);
    else this.success({ name });
  }
}

describe.each(VERSIONS)("koa-passport on %s", (_version, App) => {
  it("knows at the socket who signed in on a page, and refuses the others", async () => {
    const passport = new KoaPassport();
    passport.use(new NameStrategy());
    passport.serializeUser((user, done) => done(null, user));
    passport.deserializeUser((user, done) => done(null, user as Express.User)); // as it was serialized
    const router = new Router();
    router.get("/login", passport.authenticate("name"), (ctx) => {
      ctx.body = "welcome";
    });
    router.get("/guarded", passport.authenticate("name", { session: false }), websocket(echo));
    router.get(
      "/",
      (ctx, next) => (ctx.isAuthenticated() ? next() : ctx.redirect("/login")),
      websocket((conn, ctx) => conn.send(JSON.stringify(ctx.state["user"]))),
    );
    const app = withSessions(App);
    app.use(passport.initialize()).use(passport.session()).use(router.routes());
    const server = await served(app);
    const anonymous = await server.refused("/");
    expect([anonymous.status, anonymous.header("location")]).toEqual([302, "/login"]);
    const login = await server.get("/login", { "X-Name": "Grace" });
    expect(await (await server.ws("/", cookies(login))).next()).toBe('{"name":"Grace"}');
    const refusal = await server.refused("/guarded");
    expect([refusal.status, refusal.header("www-authenticate")]).toEqual([401, "Name"]);
    await (await server.ws("/guarded", { headers: { "X-Name": "Ada" } })).roundTrip();
  });
});

describe.each(VERSIONS)("the cookies of %s", (_version, App) => {
  it("that are set before, in and after the route are on the 101, signed", async () => {
    const started = deferred();
    const app = new App();
    app.keys = ["k1"];
    app.use(async (ctx, next) => {
      ctx.cookies.set("before", "1");
      await next();
      ctx.cookies.set("after", "3", { signed: true });
    });
    app.use((ctx) => {
      ctx.cookies.set("in", "2", { httpOnly: false });
      return websocket(ctx, () => started.resolve());
    });
    const peer = await (await served(app)).ws("/");
    await started.promise;
    const names = peer.response.headerValues("set-cookie").map((line) => line.split("=", 1)[0]);
    expect(names).toEqual(["before", "in", "in.sig", "after", "after.sig"]);
  });
});
