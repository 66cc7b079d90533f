/** What Hono's own parts do with a WebSocket route: context, middleware, errors, unserved requests. */
import { getConnInfo } from "@hono/node-server/conninfo";
import { Inbox } from "@longwire/testkit";
import { Hono, type Context } from "hono";
import { compress } from "hono/compress";
import { contextStorage, getContext } from "hono/context-storage";
import { getCookie, setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { csrf } from "hono/csrf";
import { etag } from "hono/etag";
import { createFactory } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { ipRestriction } from "hono/ip-restriction";
import { poweredBy } from "hono/powered-by";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { timeout } from "hono/timeout";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { isWebSocketUpgrade, websocket, type Conn } from "../src/index.ts";
import { served } from "./served-app.ts";

describe("headers of the 101", () => {
  it("are those of Hono's own middleware, before and after the route", async () => {
    const app = new Hono();
    app.use(requestId(), secureHeaders(), compress(), etag());
    app.use(async (c, next) => {
      setCookie(c, "first", "1");
      await next();
      setCookie(c, "second", "2", { httpOnly: true });
      c.res.headers.append("Vary", "Origin");
    });
    app.get(
      "/",
      websocket((conn) => conn.send("open")),
    );
    const peer = await (await served(app)).ws("/", { headers: { "Accept-Encoding": "gzip" } });
    const { response } = peer;
    expect(response.headerValues("set-cookie")).toEqual([
      "first=1; Path=/",
      "second=2; Path=/; HttpOnly",
    ]);
    expect(response.header("x-request-id")).toMatch(/^[\da-f-]{36}$/u);
    expect(response.header("x-frame-options")).toBe("SAMEORIGIN");
    expect(response.header("vary")).toContain("Origin");
    expect(response.headers.filter(([name]) => name.startsWith("x-longwire"))).toEqual([]);
    expect(response.header("content-type")).toBeUndefined();
    expect(await peer.next()).toBe("open");
  });

  it("survive a middleware that makes a new Response of the old one", async () => {
    const app = new Hono();
    app.use(async (c, next) => {
      await next();
      c.res = new Response(c.res.body, c.res);
      c.res.headers.set("X-Remade", "yes");
    });
    app.get(
      "/",
      websocket((conn) => conn.send("open")),
    );
    const peer = await (await served(app)).ws("/");
    expect(peer.response.header("x-remade")).toBe("yes");
    expect(await peer.next()).toBe("open");
  });

  it("cannot speak for the handshake", async () => {
    const app = new Hono();
    app.get("/", (c) => {
      c.header("Sec-WebSocket-Accept", "forged");
      c.header("Sec-WebSocket-Extensions", "permessage-deflate");
      c.header("Connection", "close");
      c.status(204);
      return websocket(c, (conn) => conn.send("open"));
    });
    const peer = await (await served(app)).ws("/");
    expect(peer.response.header("sec-websocket-extensions")).toBeUndefined();
    expect(peer.response.headerValues("connection")).toEqual(["Upgrade"]);
    expect(await peer.next()).toBe("open");
  });
});

describe("where a route stands", () => {
  const place = websocket((conn, c) => conn.send(`${c.req.path} ${String(c.req.param("id"))}`));

  it("in sub-apps, under a base path, in a mounted app, behind several handlers", async () => {
    const rooms = new Hono().get("/:id", place);
    const app = new Hono().basePath("/api");
    app.route("/rooms", rooms);
    app.mount("/mounted", rooms.fetch);
    app.get("/handlers/:id", ...createFactory().createHandlers(place));
    app.on(["GET", "POST"], ["/one/:id", "/two/:id"], place);
    const server = await served(app);
    for (const [path, seen] of [
      ["/api/rooms/1", "/api/rooms/1 1"],
      ["/api/mounted/2", "/2 2"],
      ["/api/handlers/3", "/api/handlers/3 3"],
      ["/api/two/4", "/api/two/4 4"],
    ] as const) {
      expect(await (await server.ws(path)).next()).toBe(seen);
    }
  });

  it("behind middleware that looks at the peer, or at the clock", async () => {
    const app = new Hono();
    app.use(ipRestriction(getConnInfo, { denyList: ["192.0.2.1"], allowList: ["127.0.0.1"] }));
    app.use(timeout(5_000), cors(), csrf(), poweredBy());
    app.get("/:id", place);
    const peer = await (await served(app)).ws("/1");
    expect(await peer.next()).toBe("/1 1");
    expect(peer.response.header("x-powered-by")).toBe("Hono");
    expect(peer.response.header("access-control-allow-origin")).toBe("*");
  });
});

describe("an accepted request that is answered otherwise", () => {
  const ran: string[] = [];
  const route = websocket(() => ran.push("ran"));

  it("is refused with the body of the middleware that came back last", async () => {
    const app = new Hono();
    app.use("/replaced", async (c, next) => {
      await next();
      c.res = c.json({ error: "changed my mind" }, 403);
    });
    app.use("/thrown", async (_c, next) => {
      await next();
      throw new HTTPException(503, { message: "closed for today" });
    });
    app.use("/page", async (c, next) => {
      await next();
      c.res = c.text("a page after all");
    });
    app.get("/replaced", route).get("/thrown", route).get("/page", route);
    const server = await served(app);
    for (const [path, status, body] of [
      ["/replaced", 403, '{"error":"changed my mind"}'],
      ["/thrown", 503, "closed for today"],
      ["/page", 200, "a page after all"],
    ] as const) {
      const answer = await server.refused(path);
      expect([answer.status, answer.body]).toEqual([status, body]);
      expect(answer.headers.filter(([name]) => name.startsWith("x-longwire"))).toEqual([]);
    }
    expect(ran).toEqual([]);
    expect(server.attachment.conns.size).toBe(0);
  });
});

describe("errors before the 101", () => {
  it("of the route's chain are answered by the app's onError, else by Hono", async () => {
    const app = new Hono();
    app.get("/plain", () => {
      throw new Error("a fault");
    });
    app.get("/http", () => {
      throw new HTTPException(402, { message: "pay first" });
    });
    app.get("/nothing", () => {
      // oxlint-disable-next-line typescript/only-throw-error -- what an application may do all the same
      throw "no error at all";
    });
    app.onError((error, c) =>
      error instanceof HTTPException ? error.getResponse() : c.text(`caught ${error.message}`, 500),
    );
    const server = await served(app);
    expect(await server.refused("/plain")).toMatchObject({ status: 500, body: "caught a fault" });
    expect(await server.refused("/http")).toMatchObject({ status: 402, body: "pay first" });
    expect(await server.refused("/nothing")).toMatchObject({ status: 500 });
  });

  it("in the request line or Host never reach the app", async () => {
    const fetch = vi.fn<() => Response>(() => new Response("reached"));
    const server = await served({ fetch });
    const peer = await server.raw("/", { Host: "a/b" });
    expect((await peer.readResponse()).status).toBe(400);
    expect(fetch).not.toHaveBeenCalled();
  });
});

describe("errors after the 101", () => {
  it("go to onError with the connection and the typed context", async () => {
    const errors = new Inbox<[unknown, Conn, string | undefined]>("an error");
    const fault = new Error("the handler's fault");
    const app = new Hono();
    app.get("/rooms/:room", (c) =>
      websocket(
        c,
        { onError: (error, conn, { req }) => errors.push([error, conn, req.param("room")]) },
        async (conn) => {
          await conn.readMessage();
          throw fault;
        },
      ),
    );
    const peer = await (await served(app)).ws("/rooms/blue");
    peer.send("go");
    expect((await peer.awaitClosed()).code).toBe(1011);
    const [error, conn, room] = await errors.next();
    expect(error).toBe(fault);
    expect(room).toBe("blue");
    expect(conn.readyState).not.toBe(1);
  });

  it("go to console.error without the option, and the end of a connection nowhere", async () => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => printed.mockRestore());
    const fault = new Error("the handler's fault");
    const app = new Hono();
    const ended = new Inbox<string>("the end of a handler");
    app.get(
      "/fault",
      websocket(async () => {
        await Promise.resolve();
        throw fault;
      }),
    );
    app.get(
      "/read",
      websocket(async (conn) => {
        try {
          for (;;) await conn.readMessage();
        } finally {
          ended.push("ended");
        }
      }),
    );
    const server = await served(app);
    await (await server.ws("/fault")).awaitClosed();
    await (await server.ws("/read")).close(4000);
    await ended.next();
    await (await server.ws("/read")).roundTrip();
    expect(printed.mock.calls).toEqual([[fault]]);
  });
});

describe("the context", () => {
  it("is Hono's own in the handler: variables, cookies, contextStorage", async () => {
    const app = new Hono<{ Variables: { user: string } }>();
    app.use(contextStorage());
    app.use(async (c, next) => {
      c.set("user", getCookie(c, "user") ?? "nobody");
      await next();
    });
    app.get("/", (c) =>
      websocket(c, async (conn) => {
        const { var: stored } = getContext<{ Variables: { user: string } }>();
        await conn.readMessage();
        conn.send(`${c.var.user} ${stored.user}`);
      }),
    );
    const peer = await (await served(app)).ws("/", { headers: { Cookie: "user=ada" } });
    peer.send("who?");
    expect(await peer.next()).toBe("ada ada");
  });

  it.each([
    ["dropped", (app: Hono) => (request: Request) => app.fetch(request)],
    ["replaced", (app: Hono) => (request: Request) => app.fetch(request, { key: "value" })],
    [
      "nested",
      (app: Hono) => (request: Request, env: unknown) => app.fetch(request, { server: env }),
    ],
  ])("may have its env %s by the fetch around the app", async (_how, around) => {
    const app = new Hono();
    app.get(
      "/",
      websocket((conn) => conn.send(conn.remoteAddress ?? "")),
    );
    const peer = await (await served({ fetch: around(app) })).ws("/");
    expect(await peer.next()).toBe("127.0.0.1");
  });

  it("has a request that is not aborted by its own acceptance", async () => {
    const app = new Hono();
    app.get("/", (c) =>
      websocket(c, async (conn) => {
        await conn.readMessage();
        conn.send(String(c.req.raw.signal.aborted));
      }),
    );
    const peer = await (await served(app)).ws("/");
    peer.send("?");
    expect(await peer.next()).toBe("false");
  });
});

describe("host and address", () => {
  const options = {
    host: (c: Context) => c.req.header("X-Forwarded-Host"),
    address: (c: Context) => c.req.header("X-Forwarded-For")?.split(",").at(-1)?.trim(),
    maxConnectionsPerAddress: 1,
    warn: () => {},
  };
  const app = new Hono();
  app.get(
    "/",
    websocket(options, (conn) => conn.send(conn.remoteAddress ?? "")),
  );

  it("are what the options read behind a proxy", async () => {
    const server = await served(app);
    const headers = {
      "X-Forwarded-Host": "chat.example.com",
      "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
    };
    const peer = await server.ws("/", { origin: "https://chat.example.com", headers });
    expect(await peer.next()).toBe("198.51.100.7");
    expect((await server.refused("/", { headers })).status).toBe(429);
    const other = { ...headers, "X-Forwarded-Host": "other.example" };
    const foreign = await server.refused("/", {
      origin: "https://chat.example.com",
      headers: other,
    });
    expect(foreign.status).toBe(403);
  });

  it("are the Host header and the socket's address when the options give nothing", async () => {
    const server = await served(app);
    const peer = await server.ws("/", { origin: `http://127.0.0.1:${server.port}` });
    expect(await peer.next()).toBe("127.0.0.1");
  });
});

describe("a request that no server has received", () => {
  const app = new Hono();
  const seen: Error[] = [];
  app.onError((error, c) => {
    seen.push(error);
    return c.text(error.message, 500);
  });
  app.get("/", async (c) => {
    if (!isWebSocketUpgrade(c)) return c.text("a page");
    return websocket(c, () => {});
  });
  app.get(
    "/short",
    websocket(() => {}),
  );
  const handshake = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };

  it("gets the page or 426 from app.request()", async () => {
    expect(await (await app.request("/")).text()).toBe("a page");
    const short = await app.request("/short");
    expect([short.status, short.headers.get("Upgrade")]).toEqual([426, "websocket"]);
  });

  it("with a handshake fails with WS_NOT_ATTACHED", async () => {
    const answer = await app.request("/short", { headers: handshake });
    expect(answer.status).toBe(500);
    expect(seen).toMatchObject([{ code: "WS_NOT_ATTACHED" }]);
    expect(await answer.text()).toContain("call attach(server, app)");
  });
});

describe("wrong arguments", () => {
  it("are told where the route is declared", () => {
    // @ts-expect-error -- no handler
    expect(() => websocket({})).toThrow(TypeError);
    expect(() => websocket({ readLimit: -1 }, () => {})).toThrow(/readLimit.*-1/u);
    // @ts-expect-error -- misspelt
    expect(() => websocket({ readLimt: 1 }, () => {})).toThrow(/no option readLimt/u);
    // @ts-expect-error -- no function
    expect(() => websocket({ checkOrigin: "any" }, () => {})).toThrow(/checkOrigin/u);
  });
});
