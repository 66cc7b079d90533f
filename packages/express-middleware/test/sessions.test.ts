/** Sessions and sign-in: the middleware that Express applications keep them with, unchanged, in front of a socket. */
import { promisify } from "node:util";
import { deferred, type RawResponse } from "@longwire/testkit";
import cookieSession from "cookie-session";
import type { Application, ErrorRequestHandler, Request } from "express";
import session, { MemoryStore, type SessionData } from "express-session";
import passport from "passport";
import { describe, expect, it } from "vitest";
import { websocket } from "../src/index.ts";
import { echo, quietApp, served, VERSIONS, type ExpressModule } from "./app.ts";

declare module "express-session" {
  interface SessionData {
    visits?: number;
  }
}

/** What a client sends back of the cookies that it was given. */
function cookies(response: RawResponse): { readonly headers: { readonly Cookie: string } } {
  const pairs = response.headerValues("set-cookie").map((line) => line.split(";", 1)[0]);
  return { headers: { Cookie: pairs.join("; ") } };
}

/** Saves late, as a database does. */
class SlowStore extends MemoryStore {
  readonly saved: SessionData[] = [];

  override set(sid: string, data: SessionData, callback: (error?: unknown) => void): void {
    setTimeout(() => {
      this.saved.push(data);
      super.set(sid, data, callback);
    }, 20);
  }
}

describe.each(VERSIONS)("express-session on %s", (_version, express) => {
  const options = { secret: "keyboard cat", resave: false, saveUninitialized: false };

  function counting(app: Application): void {
    app.get(
      "/visits",
      (request, _response, next) => {
        request.session.visits = (request.session.visits ?? 0) + 1;
        next();
      },
      websocket((conn, request) => conn.send(`visit ${request.session.visits}`)),
    );
  }

  it("sets its cookie on the 101, and knows it when the client comes back", async () => {
    const app = quietApp(express);
    app.use(session(options));
    counting(app);
    const server = await served(app);
    const first = await server.ws("/visits");
    expect(await first.next()).toBe("visit 1");
    expect(first.response.headerValues("set-cookie")).toEqual([
      expect.stringMatching(/^connect\.sid=s%3A.*; Path=\/; HttpOnly$/u),
    ]);
    const second = await server.ws("/visits", cookies(first.response));
    expect(await second.next()).toBe("visit 2");
    expect(second.response.headerValues("set-cookie")).toEqual([]);
  });

  it("has saved the session when the handler starts", async () => {
    const store = new SlowStore();
    const app = quietApp(express);
    app.use(session({ ...options, store }));
    app.get("/", (request) => {
      request.session.visits = 7;
      return websocket(request, (conn) => conn.send(`saved ${store.saved[0]?.visits}`));
    });
    expect(await (await (await served(app)).ws("/")).next()).toBe("saved 7");
  });

  it("renews a rolling session on each 101", async () => {
    const app = quietApp(express);
    app.use(session({ ...options, rolling: true, resave: true, cookie: { maxAge: 60_000 } }));
    counting(app);
    const server = await served(app);
    const first = await server.ws("/visits");
    const second = await server.ws("/visits", cookies(first.response));
    expect(second.response.header("set-cookie")).toContain("Expires=");
  });

  it("sets its cookie on a refusal, too", async () => {
    const app = quietApp(express);
    app.use(session({ ...options, saveUninitialized: true }));
    app.get("/", (_request, response) => void response.sendStatus(401), websocket(echo));
    const refusal = await (await served(app)).refused("/");
    expect([refusal.status, refusal.header("set-cookie")]).toEqual([
      401,
      expect.stringContaining("connect.sid="),
    ]);
  });

  it("fails to save without harm to the connection, and tells the error handlers", async () => {
    const store = new MemoryStore();
    const fault = new Error("the store is down");
    store.set = (_sid, _data, callback) => callback?.(fault);
    const told = deferred<unknown>();
    const app = quietApp(express);
    app.use(session({ ...options, saveUninitialized: true, store }));
    app.get("/", websocket(echo));
    app.use(((error, _request, _response, next) => {
      told.resolve(error);
      next(error); // Express would destroy the socket here
    }) satisfies ErrorRequestHandler);
    const peer = await (await served(app)).ws("/");
    expect(await told.promise).toBe(fault);
    peer.send("still there");
    expect(await peer.next()).toBe("still there");
  });

  it("lets the handler read and save the session later", async () => {
    const store = new MemoryStore();
    const app = quietApp(express);
    app.use(session({ ...options, store }));
    app.get(
      "/",
      (request, _response, next) => {
        request.session.visits = 1;
        next();
      },
      websocket(async (conn, request) => {
        for await (const message of conn) {
          await reloaded(request);
          request.session.visits = Number(message.text());
          await saved(request);
          conn.send("saved");
        }
      }),
    );
    app.get("/visits", (request, response) => void response.send(String(request.session.visits)));
    const server = await served(app);
    const peer = await server.ws("/");
    peer.send("42");
    expect(await peer.next()).toBe("saved");
    const { headers } = cookies(peer.response);
    expect((await server.get("/visits", headers)).body).toBe("42");
  });
});

function reloaded({ session: own }: Request): Promise<unknown> {
  return promisify(own.reload.bind(own))();
}

function saved({ session: own }: Request): Promise<unknown> {
  return promisify(own.save.bind(own))();
}

describe.each(VERSIONS)("cookie-session on %s", (_version, express) => {
  it("carries the session in the cookies of the 101", async () => {
    const app = quietApp(express);
    app.use(cookieSession({ name: "session", keys: ["k1"] }));
    app.get(
      "/",
      (request, _response, next) => {
        request.session.visits = (request.session.visits ?? 0) + 1;
        next();
      },
      websocket((conn, request) => conn.send(`visit ${request.session.visits}`)),
    );
    const server = await served(app);
    const first = await server.ws("/");
    expect(await first.next()).toBe("visit 1");
    expect(first.response.headerValues("set-cookie")).toEqual([
      expect.stringMatching(/^session=/u),
      expect.stringMatching(/^session\.sig=/u),
    ]);
    const second = await server.ws("/", cookies(first.response));
    expect(await second.next()).toBe("visit 2");
  });
});

/** Signs in whoever names himself in a header. */
class NameStrategy extends passport.Strategy {
  override name = "name";

  override authenticate(request: Request): void {
    const name = request.get("X-Name");
    if (name === undefined) this.fail("Name", 401);
    else this.success({ name });
  }
}

function signIn(): passport.PassportStatic {
  const own = new passport.Passport() as unknown as passport.PassportStatic; // has the same methods
  own.use(new NameStrategy());
  own.serializeUser((user, done) => done(null, user));
  own.deserializeUser((user: Express.User, done) => done(null, user));
  return own;
}

describe.each(VERSIONS)("passport on %s", (_version, express: ExpressModule) => {
  it("guards a socket by a strategy", async () => {
    const app = quietApp(express);
    const own = signIn();
    app.use(own.initialize());
    app.get(
      "/",
      own.authenticate("name", { session: false }),
      websocket((conn, request) => conn.send(JSON.stringify(request.user))),
    );
    const server = await served(app);
    const peer = await server.ws("/", { headers: { "X-Name": "Ada" } });
    expect(await peer.next()).toBe('{"name":"Ada"}');
    const refusal = await server.refused("/");
    expect([refusal.status, refusal.header("www-authenticate"), refusal.body]).toEqual([
      401,
      "Name",
      "Unauthorized",
    ]);
  });

  it("knows at the socket who signed in on a page", async () => {
    const app = quietApp(express);
    const own = signIn();
    app.use(session({ secret: "s", resave: false, saveUninitialized: false }), own.session());
    app.get("/login", own.authenticate("name"), (_request, response) => {
      response.send("welcome");
    });
    app.get(
      "/",
      (request, response, next) => {
        if (request.isAuthenticated()) next();
        else response.redirect("/login");
      },
      websocket((conn, request) => conn.send(JSON.stringify(request.user))),
    );
    const server = await served(app);
    const anonymous = await server.refused("/");
    expect([anonymous.status, anonymous.header("location")]).toEqual([302, "/login"]);
    const login = await server.get("/login", { "X-Name": "Grace" });
    const peer = await server.ws("/", cookies(login));
    expect(await peer.next()).toBe('{"name":"Grace"}');
  });
});
