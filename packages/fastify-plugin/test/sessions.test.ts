/** Cookies, sessions, security headers and guards of the Fastify ecosystem on WebSocket routes. */
import cookie from "@fastify/cookie";
import helmet from "@fastify/helmet";
import session from "@fastify/session";
import type { FastifyReply, FastifyRequest } from "fastify";
import { describe, expect, it } from "vitest";
import { appWith, ask, echo, failure } from "./app.ts";

declare module "fastify" {
  interface Session {
    visits?: number;
  }
}

const SECRET = "a secret of at least thirty-two characters";

describe("@fastify/cookie", () => {
  it("reads the request's cookies, and puts its own on the 101", async () => {
    const app = await appWith();
    await app.register(cookie, { secret: SECRET });
    app.addHook("preHandler", async (request, reply) => {
      reply.setCookie("seen", request.cookies["theme"] ?? "none", { path: "/", httpOnly: true });
    });
    app.websocket("/", (conn, request) => conn.send(String(request.cookies["theme"])));
    const conn = await app.injectWS("/", { headers: { Cookie: "theme=dark" } });
    expect((await conn.readMessage()).text()).toBe("dark");
    expect(conn.response.headers["set-cookie"]).toEqual([
      expect.stringMatching(/^seen=dark; Path=\/; HttpOnly/u),
    ]);
  });
});

describe("@fastify/session", () => {
  it("starts on the 101 and goes on over HTTP and the next socket", async () => {
    const app = await appWith();
    await app.register(cookie);
    await app.register(session, { secret: SECRET, cookie: { secure: false } });
    const count = async (request: FastifyRequest): Promise<void> => {
      request.session.visits = (request.session.visits ?? 0) + 1;
    };
    app.websocket("/", { preHandler: count }, (conn, request) => {
      conn.send(String(request.session.visits));
    });
    app.get("/visits", { preHandler: count }, async ({ session: { visits } }) => ({ visits }));

    const first = await app.injectWS("/");
    expect((await first.readMessage()).text()).toBe("1");
    const [setCookie = ""] = first.response.headers["set-cookie"] ?? [];
    expect(setCookie).toMatch(/^sessionId=/u);
    const Cookie = setCookie.split(";", 1)[0] ?? "";
    const page = await app.inject({ url: "/visits", headers: { cookie: Cookie } });
    expect(page.json()).toEqual({ visits: 2 });
    const second = await app.injectWS("/", { headers: { Cookie } });
    expect((await second.readMessage()).text()).toBe("3");
  });

  it("keeps the session of a refused upgrade, too", async () => {
    const app = await appWith();
    await app.register(cookie);
    await app.register(session, { secret: SECRET, cookie: { secure: false } });
    app.addHook("preHandler", async (request, reply) => {
      request.session.visits = 1;
      return reply.code(401).send({ error: "sign in" });
    });
    app.websocket("/", echo);
    const error = await failure(app.injectWS("/"));
    expect(error).toMatchObject({
      status: 401,
      response: { headers: { "set-cookie": [expect.stringMatching(/^sessionId=/u)] } },
    });
  });
});

describe("@fastify/helmet", () => {
  it("puts its headers on the 101, and the connection works", async () => {
    const app = await appWith();
    await app.register(helmet);
    app.websocket("/", echo);
    const conn = await app.injectWS("/");
    expect(conn.response.headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "strict-transport-security": expect.stringContaining("max-age"),
    });
    expect(await ask(conn, "hi")).toBe("hi");
  });
});

describe("guards in the manner of passport", () => {
  interface User {
    readonly name: string;
  }

  /** As @fastify/passport does it: a strategy that asks a store, then request.user, or a redirect, or a 401. */
  function authenticate(options: { failureRedirect?: string } = {}) {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const token = request.headers.authorization?.replace("Bearer ", "");
      const user = await Promise.resolve(token === "alice's" ? { name: "alice" } : undefined);
      if (user !== undefined) {
        request.setDecorator<User>("account", user);
        return undefined;
      }
      if (options.failureRedirect !== undefined) return reply.redirect(options.failureRedirect);
      return reply.code(401).header("WWW-Authenticate", "Bearer").send("Unauthorized");
    };
  }

  it("let in whom they know, and the handler knows them too", async () => {
    const app = await appWith();
    app.decorateRequest("account", null);
    app.websocket("/", { preValidation: authenticate() }, (conn, request) => {
      conn.send(request.getDecorator<User>("account").name);
    });
    const conn = await app.injectWS("/", { headers: { Authorization: "Bearer alice's" } });
    expect((await conn.readMessage()).text()).toBe("alice");
  });

  it("refuse with 401 and a challenge, or with a redirect", async () => {
    const app = await appWith();
    app.decorateRequest("account", null);
    app.websocket("/", { preValidation: authenticate() }, echo);
    app.websocket("/login", { preValidation: authenticate({ failureRedirect: "/sign-in" }) }, echo);
    expect(await failure(app.injectWS("/"))).toMatchObject({
      status: 401,
      response: { headers: { "www-authenticate": "Bearer" }, body: Buffer.from("Unauthorized") },
    });
    expect(await failure(app.injectWS("/login"))).toMatchObject({
      status: 302,
      response: { headers: { location: "/sign-in" } },
    });
  });

  it("that call back instead of returning promises work alike", async () => {
    const app = await appWith();
    app.addHook("onRequest", (request, reply, done) => {
      if (request.headers["x-key"] === "right") setImmediate(done);
      else reply.code(429).header("Retry-After", "5").send({ error: "slow down" });
    });
    app.websocket("/", echo);
    const conn = await app.injectWS("/", { headers: { "X-Key": "right" } });
    expect(await ask(conn, "hi")).toBe("hi");
    expect(await failure(app.injectWS("/"))).toMatchObject({
      status: 429,
      response: { headers: { "retry-after": "5" } },
    });
  });
});
