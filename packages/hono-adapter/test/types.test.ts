/** What TypeScript infers at a route; `tsc -p .` is the judge, and the calls run as well. */
import type { serve as serveHTTP } from "@hono/node-server";
import { Hono, type Context } from "hono";
import { hc } from "hono/client";
import { createMiddleware } from "hono/factory";
import { validator } from "hono/validator";
import type { UpgradeWebSocket, WSContext, WSEvents } from "hono/ws";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  attach,
  serve,
  upgradeWebSocket,
  websocket,
  type Conn,
  type SocketEvents,
  type WebSocketOptions,
} from "../src/index.ts";

type AppEnv = { Variables: { user: { name: string } } };

const requireUser = createMiddleware<AppEnv>(async (c, next) => {
  c.set("user", { name: "ada" });
  await next();
});
const page = validator("query", (value) => ({ page: Number(value["page"]) }));

describe("c inside a handler of Hono's", () => {
  it("keeps parameters, variables and validated input", () => {
    const app = new Hono<AppEnv>();
    app.get("/rooms/:room", requireUser, page, (c) => {
      expectTypeOf(c.req.param("room")).toEqualTypeOf<string>();
      return websocket(c, async (conn, same) => {
        expectTypeOf(conn).toEqualTypeOf<Conn>();
        expectTypeOf(same.req.param("room")).toEqualTypeOf<string>();
        expectTypeOf(same.req.valid("query")).toEqualTypeOf<{ page: number }>();
        expectTypeOf(c.req.valid("query")).toEqualTypeOf<{ page: number }>();
        expectTypeOf(c.var.user).toEqualTypeOf<{ name: string }>();
        expectTypeOf(c.req.param("seat")).toEqualTypeOf<string | undefined>();
        // @ts-expect-error -- nobody has validated a form
        c.req.valid("form");
      });
    });
    expect(app.routes).toHaveLength(3);
  });

  it("types the options too", () => {
    const app = new Hono<AppEnv>();
    app.get("/rooms/:room", (c) =>
      websocket(
        c,
        {
          onError: (error, conn, same) => {
            expectTypeOf(error).toEqualTypeOf<unknown>();
            expectTypeOf(conn).toEqualTypeOf<Conn>();
            expectTypeOf(same.req.param("room")).toEqualTypeOf<string>();
          },
          // @ts-expect-error -- no number
          readLimit: "1 MiB",
        },
        () => {},
      ),
    );
    expect(app.routes).toHaveLength(1);
  });

  it("of a route that serves a page as well", () => {
    const app = new Hono();
    const routes = app.get("/both/:id", async (c) => {
      if (c.req.header("Upgrade") === undefined) return c.json({ page: c.req.param("id") });
      return websocket(c, (conn) => conn.send(c.req.param("id")));
    });
    const client = hc<typeof routes>("http://localhost");
    expectTypeOf(client.both[":id"].$get).toBeFunction();
    expect(app.routes).toHaveLength(1);
  });
});

describe("c of the short form", () => {
  it("is any context, or the one that the handler names", () => {
    const app = new Hono<AppEnv>();
    app.get(
      "/rooms/:room",
      websocket((_conn, c) => {
        expectTypeOf(c).toEqualTypeOf<Context>();
      }),
    );
    app.get(
      "/rooms/:room",
      requireUser,
      websocket((_conn, c: Context<AppEnv, "/rooms/:room">) => {
        expectTypeOf(c.req.param("room")).toEqualTypeOf<string>();
        expectTypeOf(c.var.user).toEqualTypeOf<{ name: string }>();
      }),
    );
    expect(app.routes).toHaveLength(3);
  });
});

describe("the client of hono/client", () => {
  const app = new Hono<AppEnv>();
  const routes = app
    .get("/call/:room", page, (c) => websocket(c, () => {}))
    .get(
      "/short/:room",
      page,
      websocket(() => {}),
    )
    .get(
      "/options/:room",
      websocket({ readLimit: 1024 }, () => {}),
    )
    .get(
      "/events/:room",
      page,
      upgradeWebSocket(() => ({})),
    )
    .get("/page", (c) => c.text("no socket"));
  const client = hc<typeof routes>("http://localhost", {
    webSocket: (url) => ({ url: String(url) }) as WebSocket, // enough to see where it would connect
  });

  it("has a $ws with the route's parameters and input", () => {
    const place = { param: { room: "blue" }, query: { page: "2" } };
    const sockets = [
      client.call[":room"].$ws(place),
      client.short[":room"].$ws(place),
      client.events[":room"].$ws(place),
    ];
    expectTypeOf(sockets).toEqualTypeOf<WebSocket[]>();
    expect(sockets.map(({ url }) => url)).toEqual([
      "ws://localhost/call/blue?page=2",
      "ws://localhost/short/blue?page=2",
      "ws://localhost/events/blue?page=2",
    ]);
    expectTypeOf(client.options[":room"].$ws)
      .parameter(0)
      .toEqualTypeOf<{ param: { room: string } } | undefined>();
    // @ts-expect-error -- the route's parameter is called room
    client.options[":room"].$ws({ param: { place: "blue" } });
    expectTypeOf(client.page).not.toHaveProperty("$ws");
  });
});

describe("upgradeWebSocket", () => {
  it("has the type that hono/ws asks of an adapter", () => {
    expectTypeOf(upgradeWebSocket).toExtend<UpgradeWebSocket<Conn, WebSocketOptions>>();
    expectTypeOf<WSEvents<Conn>>().toExtend<SocketEvents>();
  });

  it("gives callbacks the context of hono/ws with our Conn, and takes async ones", () => {
    const app = new Hono();
    app.get(
      "/",
      upgradeWebSocket((c) => {
        expectTypeOf(c).toEqualTypeOf<Context>();
        return {
          async onOpen(event, ws) {
            expectTypeOf(event).toEqualTypeOf<Event>();
            expectTypeOf(ws).toEqualTypeOf<WSContext<Conn>>();
            await ws.raw?.ping();
          },
          onMessage: async (_event, ws) => ws.send("text"),
        };
      }),
    );
    app.get("/rooms/:room", async (c) =>
      upgradeWebSocket(c, { onOpen: (_event, ws) => ws.send(c.req.param("room")) }),
    );
    expect(app.routes).toHaveLength(2);
  });
});

describe("serve and attach", () => {
  it("take what @hono/node-server takes and gives", () => {
    expectTypeOf(serve).toExtend<typeof serveHTTP>();
    expectTypeOf(attach).parameter(0).toEqualTypeOf<ReturnType<typeof serveHTTP>>();
    expectTypeOf<Hono>().toExtend<Parameters<typeof attach>[1]>();
    expectTypeOf<Hono<AppEnv>>().toExtend<Parameters<typeof attach>[1]>();
  });
});
