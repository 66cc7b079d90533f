/** Where a route may stand: sub-apps, routers, several copies of Express, several apps on a server. */
import { createServer } from "node:http";
import { TestServer } from "@longwire/testkit";
import type { Request } from "express";
import { describe, expect, it } from "vitest";
import { attach, isWebSocketUpgrade, websocket, type Conn } from "../src/index.ts";
import { echo, quietApp, served, VERSIONS } from "./app.ts";

const OTHERS = VERSIONS.flatMap(([outer, express]) =>
  VERSIONS.map(([inner, other]) => [outer, inner, express, other] as const),
);

/** Tells where the request is, when the handler starts and after its first message. */
async function tellPlace(conn: Conn, request: Request): Promise<void> {
  const tell = (): void => {
    const { url, originalUrl, baseUrl, params, query } = request;
    conn.send(JSON.stringify({ url, originalUrl, baseUrl, params, query }));
  };
  tell();
  await conn.readMessage();
  tell();
}

describe.each(OTHERS)("an app of %s with a sub-app of %s", (_outer, _inner, express, other) => {
  it("serves the sub-app's sockets with its own settings and middleware", async () => {
    const sub = quietApp(other);
    sub.set("greeting", "from the sub-app");
    sub.use((_request, response, next) => {
      response.set("X-Sub", "yes");
      next();
    });
    sub.get("/closed", (_request, response) => void response.status(403).send("members only"));
    sub.get("/:room", (request) =>
      websocket(request, (conn) => {
        conn.send(`${String(request.app.get("greeting"))} ${request.params.room}`);
        conn.send(`${request.baseUrl} ${request.originalUrl}`);
      }),
    );
    const app = quietApp(express);
    app.use("/sub", sub);
    app.get(
      "/:room",
      websocket((conn) => conn.send("from the app")),
    );
    const server = await served(app);
    const peer = await server.ws("/sub/blue");
    expect(peer.response.header("x-sub")).toBe("yes");
    expect(await peer.next()).toBe("from the sub-app blue");
    expect(await peer.next()).toBe("/sub /sub/blue");
    expect(await (await server.ws("/blue")).next()).toBe("from the app");
    expect(await server.refused("/sub/closed")).toMatchObject({ status: 403 });
  });

  it("tells the sub-app's error handlers first", async () => {
    const order: string[] = [];
    const fault = new Error("the handler's fault");
    const sub = quietApp(other);
    sub.get(
      "/",
      websocket(() => {
        throw fault;
      }),
    );
    const noting =
      (name: string) =>
      (error: unknown, _request: unknown, _response: unknown, next: (error: unknown) => void) => {
        order.push(name);
        next(error);
      };
    sub.use(noting("sub"));
    const app = quietApp(express);
    app.use("/sub", sub);
    app.use(noting("app"));
    const peer = await (await served(app)).ws("/sub");
    expect((await peer.awaitClosed()).code).toBe(1011);
    expect(order).toEqual(["sub", "app"]);
  });
});

describe.each(VERSIONS)("routes of %s", (_version, express) => {
  it("keep the place of the request for the handler: mounts, parameters, query", async () => {
    const app = quietApp(express);
    const rooms = express.Router({ mergeParams: true });
    rooms.get("/seats/:seat", websocket(tellPlace));
    const houses = express.Router();
    houses.use("/rooms/:room", rooms);
    app.use("/houses", houses);
    const peer = await (await served(app)).ws("/houses/rooms/blue%20salon/seats/7?side=left");
    const place = JSON.parse(String(await peer.next())) as unknown;
    expect(place).toEqual({
      url: "/seats/7?side=left",
      originalUrl: "/houses/rooms/blue%20salon/seats/7?side=left",
      baseUrl: "/houses/rooms/blue%20salon",
      params: { room: "blue salon", seat: "7" },
      query: { side: "left" },
    });
    peer.send("again");
    expect(JSON.parse(String(await peer.next()))).toEqual(place);
  });

  it("are found by route(), all(), use() and param()", async () => {
    const app = quietApp(express);
    app.param("room", (_request, response, next, room) => {
      if (room === "closed") response.status(404).send("no such room");
      else next();
    });
    app
      .route("/route/:room")
      .get(websocket(echo))
      .post((_request, response) => void response.send("posted"));
    app.all("/all", websocket(echo));
    app.use("/use", websocket(echo));
    const server = await served(app);
    for (const path of ["/route/open", "/all", "/use", "/use/anything/below"]) {
      const peer = await server.ws(path);
      peer.send(path);
      expect(await peer.next()).toBe(path);
    }
    expect(await server.refused("/route/closed")).toMatchObject({ status: 404 });
  });

  it("pass a socket on to the next route that matches", async () => {
    const app = quietApp(express);
    app.get("/:name", (request, _response, next) => {
      if (request.params.name === "page") next("route");
      else next();
    });
    app.get("/page", (request, response) => {
      if (isWebSocketUpgrade(request)) return websocket(request, echo);
      response.send("a page");
      return undefined;
    });
    const server = await served(app);
    expect((await server.get("/page")).body).toBe("a page");
    await (await server.ws("/page")).roundTrip();
  });

  it("of two apps share a server by `only`", async () => {
    const chat = quietApp(express);
    chat.get(
      "/chat",
      websocket((conn) => conn.send("chat")),
    );
    const rest = quietApp(express);
    rest.get(
      "/other",
      websocket((conn) => conn.send("other")),
    );
    const listening = createServer(rest).listen(0, "127.0.0.1");
    attach(listening, chat, { only: (request) => request.url?.startsWith("/chat") === true });
    const attachment = attach(listening, rest);
    const server = await TestServer.of(listening, attachment);
    expect(await (await server.ws("/chat")).next()).toBe("chat");
    expect(await (await server.ws("/other")).next()).toBe("other");
    expect((await server.refused("/chat/nowhere")).status).toBe(404);
  });

  it("work on a server that was attached before it listened, and before they were declared", async () => {
    const app = quietApp(express);
    const listening = createServer(app);
    const attachment = attach(listening, app, { drainTimeout: 200 });
    app.get("/", websocket(echo));
    listening.listen(0, "127.0.0.1");
    const server = await TestServer.of(listening, attachment);
    await (await server.ws("/")).roundTrip();
    expect(attachment.conns.size).toBe(1);
  });
});
