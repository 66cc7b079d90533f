/** Registration, scopes, route options, and everything of Fastify that a route has. */
import { fastifyWebsocket } from "./fastify-websocket.ts";
import { connect as connectHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { connect } from "@longwire/fastify/testing";
import { websocket, type FastifyConn, type WebSocketPluginOptions } from "@longwire/fastify";
import { deferred, Inbox, nextEvent, RawPeer, requestText, WsPeer } from "@longwire/testkit";
import { fastify, type FastifyInstance } from "fastify";
import { generate } from "selfsigned";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { appWith, ask, closing, echo, failure, LEVEL, listen, logged } from "./app.ts";

declare module "fastify" {
  interface FastifyInstance {
    greeting: string;
  }
  interface FastifyRequest {
    user: string;
  }
}

/** A plugin that names its scope in what it answers. */
function naming(name: string, options?: WebSocketPluginOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    if (options !== undefined) await app.register(websocket, options);
    app.decorate("greeting", name);
    app.websocket("/", function greet(conn) {
      conn.send(this.greeting);
    });
    app.websocket("/echo", echo);
  };
}

describe("registration", () => {
  it("without the plugin there is no app.websocket to forget it with", () => {
    const app = fastify();
    expect(() => app.websocket("/", echo)).toThrow(TypeError);
  });

  it("names itself to Fastify, and asks for version 5", async () => {
    const app = await appWith();
    expect(app.hasPlugin("@longwire/fastify")).toBe(true);
    expect(app.printPlugins()).toContain("@longwire/fastify");
  });

  it("twice in one scope is an error that names the plugin", async () => {
    const app = await appWith();
    const error = await failure(app.register(websocket));
    expect(error.message).toContain("@longwire/fastify");
  });

  it("refuses a wrong option by name", async () => {
    const app = closing(fastify());
    expect(await failure(app.register(websocket, { readLimit: -1 }))).toMatchObject({
      name: "RangeError",
      message: expect.stringContaining("readLimit") as string,
    });
    const misspelt = closing(fastify()).register(websocket, { readLimt: 1 } as object);
    expect(await failure(misspelt)).toMatchObject({
      message: "a WebSocket route has no option readLimt",
    });
  });

  it("takes the options that Fastify has for every plugin", async () => {
    const app = closing(fastify());
    await app.register(websocket, { prefix: "/unused", logLevel: "error", logSerializers: {} });
    expect(app.hasDecorator("websocket")).toBe(true);
  });

  it("in two scopes beside each other serves both, on one server", async () => {
    const app = closing(fastify());
    app.register(naming("one", {}), { prefix: "/one" });
    app.register(naming("two", {}), { prefix: "/two" });
    for (const name of ["one", "two"]) {
      const conn = await connect(app, `/${name}/`);
      expect((await conn.readMessage()).text()).toBe(name);
    }
    expect(app.hasDecorator("websocket")).toBe(false);
  });

  it.each([{ drainTimeout: 1 }, { only: () => true }])(
    "takes options of the server from the first one alone: %j",
    async (options) => {
      const app = await appWith();
      app.register(async (inner) => {
        await inner.register(websocket, options);
      });
      expect((await failure(app.ready())).message).toMatch(/only and drainTimeout/u);
    },
  );

  it("leaves requests that `only` does not want to other listeners", async () => {
    const app = await appWith({ only: (request) => request.url !== "/theirs" });
    app.websocket("/ours", echo);
    app.server.on("upgrade", (request, socket) => {
      if (request.url === "/theirs") socket.end("HTTP/1.1 418 Theirs\r\nConnection: close\r\n\r\n");
    });
    expect(await ask(await app.injectWS("/ours"), "hi")).toBe("hi");
    expect(await failure(app.injectWS("/theirs"))).toMatchObject({ status: 418 });
  });
});

describe("beside @fastify/websocket", () => {
  const PAGE = "docs/migrating-from-fastify-websocket.md";

  it("refuses to be registered second", async () => {
    const app = closing(fastify());
    await app.register(fastifyWebsocket);
    expect((await failure(app.register(websocket))).message).toContain(PAGE);
  });

  it("refuses to start when the other one came later, in a scope below", async () => {
    const app = await appWith();
    app.register(async (inner) => {
      await inner.register(fastifyWebsocket);
    });
    expect((await failure(app.ready())).message).toContain(PAGE);
  });
});

describe("scopes", () => {
  it("`this` is the instance of the route", async () => {
    const app = await appWith();
    app.decorate("greeting", "outer");
    app.register(naming("inner"), { prefix: "/inner" });
    app.get("/", { websocket: true }, function greet(conn) {
      conn.send(this.greeting);
    });
    expect((await (await app.injectWS("/")).readMessage()).text()).toBe("outer");
    expect((await (await app.injectWS("/inner/")).readMessage()).text()).toBe("inner");
  });

  it("hooks and request decorators of a scope hold for its sockets alone", async () => {
    const app = await appWith();
    app.decorateRequest("user", "nobody");
    const who = (conn: FastifyConn, request: { user: string }): void =>
      void conn.send(request.user);
    app.register(
      async (inner) => {
        inner.addHook("onRequest", async (request) => {
          request.user = "alice";
        });
        inner.websocket("/who", who);
      },
      { prefix: "/inner" },
    );
    app.websocket("/who", who);
    expect((await (await app.injectWS("/inner/who")).readMessage()).text()).toBe("alice");
    expect((await (await app.injectWS("/who")).readMessage()).text()).toBe("nobody");
  });

  it("a registration in a scope changes the defaults there, and a route those of its own", async () => {
    const app = await appWith({ readLimit: 3, subprotocols: ["chat"] });
    app.websocket("/echo", echo);
    app.register(naming("inner", { readLimit: 4 }), { prefix: "/inner" });
    app.websocket("/own", { readLimit: 5 }, echo);
    const limits = { "/echo": 3, "/inner/echo": 4, "/own": 5 };
    for (const [path, limit] of Object.entries(limits)) {
      const conn = await app.injectWS(path, { subprotocols: ["chat"] });
      expect(conn.subprotocol).toBe("chat");
      expect(await ask(conn, "x".repeat(limit))).toHaveLength(limit);
      expect(await failure(ask(conn, "x".repeat(limit + 1)))).toMatchObject({ code: 1009 });
    }
  });

  it("a route may replace the origin check of its scope", async () => {
    const app = await appWith({ allowedOrigins: ["https://a.example"] });
    app.websocket("/echo", echo);
    app.websocket("/any", { checkOrigin: () => true }, echo);
    const from = (host: string) => ({ headers: { Origin: `https://${host}.example` } });
    await app.injectWS("/echo", from("a"));
    expect(await failure(app.injectWS("/echo", from("b")))).toMatchObject({ status: 403 });
    await app.injectWS("/any", from("b"));
  });

  it("maxConnections of the application counts over all routes, whatever their own options", async () => {
    const app = await appWith({ maxConnections: 2 });
    app.websocket("/a", echo);
    app.websocket("/b", { readLimit: 10 }, echo);
    app.websocket("/c", { maxConnections: 1 }, echo);
    const first = await app.injectWS("/c");
    expect(await failure(app.injectWS("/c"))).toMatchObject({ status: 503 });
    await app.injectWS("/b");
    expect(await failure(app.injectWS("/a"))).toMatchObject({ status: 503 });
    await first.close();
    await expect.poll(() => app.websocketConns.size).toBe(1);
    await app.injectWS("/a");
  });
});

describe("routes", () => {
  it("one URL renders a page and takes a socket", async () => {
    const app = await appWith();
    app.route({
      method: ["GET", "POST"],
      url: "/both",
      handler: async (request) => `page by ${request.method}`,
      wsHandler: echo,
    });
    expect(await ask(await app.injectWS("/both"), "hi")).toBe("hi");
    expect((await app.inject("/both")).body).toBe("page by GET");
    expect((await app.inject({ method: "POST", url: "/both" })).body).toBe("page by POST");
    expect((await app.inject({ method: "HEAD", url: "/both" })).statusCode).toBe(200);
  });

  it("the options of wsHandler stand in `websocket`", async () => {
    const app = await appWith();
    const handler = async (): Promise<string> => "page";
    app.route({
      method: "GET",
      url: "/both",
      websocket: { readLimit: 2 },
      handler,
      wsHandler: echo,
    });
    expect((await app.inject("/both")).body).toBe("page");
    expect(await failure(ask(await app.injectWS("/both"), "abc"))).toMatchObject({ code: 1009 });
  });

  it("the short form of app.get does the same as app.websocket", async () => {
    const app = await appWith();
    app.get("/short", { websocket: true }, echo);
    app.get("/options", { websocket: { readLimit: 2 } }, echo);
    expect(await ask(await app.injectWS("/short"), "hi")).toBe("hi");
    expect(await failure(ask(await app.injectWS("/options"), "abc"))).toMatchObject({ code: 1009 });
  });

  it.each(["GET", "HEAD"] as const)("plain %s of a socket gets 426", async (method) => {
    const app = await appWith();
    app.websocket("/", echo);
    const response = await app.inject({ method, url: "/" });
    expect(response.statusCode).toBe(426);
    expect(response.headers).toMatchObject({ upgrade: "websocket", connection: "Upgrade" });
  });

  it("a prefix holds with and without its slash", async () => {
    const app = await appWith();
    app.register(naming("inner"), { prefix: "/inner" });
    for (const path of ["/inner", "/inner/"]) {
      expect((await (await app.injectWS(path)).readMessage()).text()).toBe("inner");
    }
  });

  it("routes of other methods cannot take a socket", async () => {
    const app = await appWith();
    expect(() => app.post("/", { websocket: true } as never, echo as never)).toThrow(
      /GET, got POST/u,
    );
    const wsHandler = "no function" as never;
    const handler = (): string => "";
    expect(() => app.route({ method: "GET", url: "/", handler, wsHandler })).toThrow(TypeError);
  });

  it("wrong options of a route show when it is declared", async () => {
    const app = await appWith();
    expect(() => app.websocket("/", { readLimit: 0.5 }, echo)).toThrow(/readLimit/u);
    const misspelt = { websocket: { readLimt: 1 } } as { websocket: object };
    expect(() => app.get("/", misspelt, echo)).toThrow(/no option readLimt/u);
  });

  it("constraints choose among sockets of one path", async () => {
    const app = await appWith();
    for (const host of ["a.example", "b.example"]) {
      app.websocket("/", { constraints: { host } }, (conn) => conn.send(host));
    }
    const conn = await app.injectWS("/", { headers: { Host: "b.example" } });
    expect((await conn.readMessage()).text()).toBe("b.example");
  });

  it("rewriteUrl and a refused origin see what the peer asked for", async () => {
    const app = await appWith(
      {},
      { rewriteUrl: (request) => request.url?.replace("/v1", "") ?? "/" },
    );
    app.websocket("/chat", echo);
    expect(await ask(await app.injectWS("/v1/chat"), "hi")).toBe("hi");
  });

  it("are hidden from documents of the HTTP API, unless they say otherwise or have a page", async () => {
    const app = closing(fastify());
    const { default: swagger } = await import("@fastify/swagger");
    await app.register(swagger, { openapi: {} });
    await app.register(websocket);
    const messages = { incoming: { type: "string" }, outgoing: { type: "string" } };
    app.websocket("/socket", { schema: { messages } }, echo);
    app.websocket("/shown", { schema: { hide: false, messages } }, echo);
    const handler = (): string => "";
    app.route({ method: "GET", url: "/both", schema: { messages }, handler, wsHandler: echo });
    await app.ready();
    const { paths = {} } = app.swagger();
    expect(Object.keys(paths)).toEqual(["/shown", "/both"]);
    expect(JSON.stringify(paths)).not.toContain("WebSocket; ");
  });
});

describe("behind proxies", () => {
  it("the origin is held against the host that Fastify sees, and the address is the real peer's", async () => {
    const app = await appWith({ maxConnectionsPerAddress: 1 }, { trustProxy: true });
    app.websocket("/", (conn) => conn.send(String(conn.remoteAddress)));
    const headers = {
      Host: "backend:8080",
      Origin: "https://app.example",
      "X-Forwarded-Host": "app.example",
      "X-Forwarded-For": "192.0.2.7",
    };
    const conn = await app.injectWS("/", { headers });
    expect((await conn.readMessage()).text()).toBe("192.0.2.7");
    expect(await failure(app.injectWS("/", { headers }))).toMatchObject({ status: 429 });
    await app.injectWS("/", { headers: { ...headers, "X-Forwarded-For": "192.0.2.8" } });
  });

  it.each([
    ["the proxy's address", "127.0.0.1", 101],
    ["the address of another", "192.0.2.1", 403],
  ])("trustProxy is %s", async (_what, trustProxy, status) => {
    const app = await appWith({}, { trustProxy });
    app.websocket("/", echo);
    const headers = { Origin: "https://app.example", "X-Forwarded-Host": "app.example" };
    const connected = app.injectWS("/", { headers }).then(({ response }) => response);
    const answer = await connected.catch((error: unknown) => error);
    expect(answer).toMatchObject({ status });
  });

  it("what is not trusted does not count", async () => {
    const { lines, server } = logged();
    const app = await appWith({}, server);
    app.websocket("/", echo);
    const headers = { Origin: "https://app.example", "X-Forwarded-Host": "app.example" };
    expect(await failure(app.injectWS("/", { headers }))).toMatchObject({ status: 403 });
    const warnings = lines.filter(({ level }) => level === LEVEL.warn);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.msg).toMatch(/https:\/\/app\.example.*localhost.*allowedOrigins/u);
  });
});

/** Lets time pass for what must not happen in it. */
async function elapse(ms: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, ms));
}

describe("hooks", () => {
  it("validation of params, query and headers refuses before the 101", async () => {
    const app = await appWith();
    const schema = { querystring: { type: "object", required: ["token"] } };
    app.websocket("/", { schema }, echo);
    const error = await failure(app.injectWS("/"));
    expect(error).toMatchObject({ status: 400 });
    expect(String(error)).toContain("400");
    await app.injectWS("/?token=1");
  });

  it("an onSend hook that makes an error of it refuses, and the handler never runs", async () => {
    const app = await appWith();
    const started = new Inbox<string>("a handler");
    const onSend = async (
      _request: unknown,
      reply: { code(status: number): unknown },
    ): Promise<string> => {
      reply.code(500);
      return "changed";
    };
    app.websocket("/", { onSend }, () => started.push("started"));
    const error = await failure(app.injectWS("/"));
    expect(error).toMatchObject({ status: 500, response: { body: Buffer.from("changed") } });
    expect(started.all).toEqual([]);
  });

  it("an onSend hook that throws refuses through the error handler", async () => {
    const app = await appWith();
    app.setErrorHandler((error: Error, _request, reply) => reply.code(502).send(error.message));
    app.addHook("onSend", async (_request, reply) => {
      if (reply.statusCode === 101) throw new Error("store is down");
    });
    app.websocket("/", echo);
    expect(await failure(app.injectWS("/"))).toMatchObject({ status: 502 });
  });

  it("an onSend hook that adds a payload leaves the 101 without a body", async () => {
    const app = await appWith();
    app.addHook("onSend", async () => "<!-- injected -->");
    app.websocket("/", echo);
    const conn = await app.injectWS("/");
    expect(await ask(conn, "first bytes")).toBe("first bytes");
    expect(conn.response.headers).not.toHaveProperty("content-length");
  });

  it("a handlerTimeout ends a slow guard, and does not hurt a connection", async () => {
    const app = await appWith();
    const late = deferred();
    const preHandler = async (): Promise<void> => late.promise;
    app.websocket("/slow", { handlerTimeout: 20, preHandler }, echo);
    app.websocket("/quick", { handlerTimeout: 20 }, echo);
    expect(await failure(app.injectWS("/slow"))).toMatchObject({ status: 503 });
    late.resolve();
    const conn = await app.injectWS("/quick");
    await elapse(60);
    expect(await ask(conn, "still")).toBe("still");
  });

  it("the socket timeout of connectionTimeout does not end an idle connection", async () => {
    const app = await appWith({}, { connectionTimeout: 50 });
    app.websocket("/", echo);
    using peer = await WsPeer.open(`ws://127.0.0.1:${await listen(app)}/`);
    await elapse(120);
    peer.send("still");
    expect(await peer.next()).toBe("still");
  });
});

describe("errors after the 101", () => {
  it("are logged with the request's id, and close with 1011", async () => {
    const { lines, server } = logged();
    const app = await appWith({}, server);
    app.websocket("/", async (conn) => {
      conn.log.info("before");
      await conn.readMessage();
      throw new Error("the handler's fault");
    });
    const conn = await app.injectWS("/");
    expect(await failure(ask(conn, "go"))).toMatchObject({ code: 1011 });
    const [before] = lines.filter(({ msg }) => msg === "before");
    const errors = lines.filter(({ level }) => level === LEVEL.error);
    expect(errors).toMatchObject([
      { err: { message: "the handler's fault" }, reqId: before?.reqId },
    ]);
    expect(before?.reqId).toMatch(/^req-/u);
  });

  it("go to errorHandler, of the nearest scope, with `this`, the connection and the request", async () => {
    const seen = new Inbox<readonly unknown[]>("an error");
    const errorHandler: WebSocketPluginOptions["errorHandler"] = function keep(
      error,
      conn,
      request,
    ) {
      seen.push([this.greeting, error, conn.readyState > 0, request.url]);
    };
    const fault = new Error("fault");
    const app = await appWith({ errorHandler: () => expect.unreachable() });
    app.register(
      async (inner) => {
        await inner.register(websocket, { errorHandler });
        inner.decorate("greeting", "inner");
        inner.websocket("/", () => Promise.reject(fault));
      },
      { prefix: "/inner" },
    );
    await app.injectWS("/inner/");
    expect(await seen.next()).toEqual(["inner", fault, true, "/inner/"]);
  });

  it("the end of the very connection is no error", async () => {
    const { lines, server } = logged();
    const app = await appWith({}, server);
    app.websocket("/", async (conn) => {
      for (;;) await conn.readMessage();
    });
    const conn = await app.injectWS("/");
    await conn.close();
    await expect.poll(() => lines.filter(({ msg }) => msg === "WebSocket closed")).toHaveLength(1);
    expect(lines.filter(({ level }) => level > LEVEL.info)).toEqual([]);
  });
});

describe("servers", () => {
  it("localhost is served on every address that it has", async () => {
    const app = await appWith();
    app.websocket("/", echo);
    app.get("/page", async () => "a page");
    await app.listen({ port: 0 });
    const addresses = app.addresses();
    for (const { address, port, family } of addresses as AddressInfo[]) {
      const host = family === "IPv6" ? `[${address}]` : address; // a TCP address is never a string
      using peer = await WsPeer.open(`ws://${host}:${port}/`, { origin: `http://${host}:${port}` });
      peer.send("hi");
      expect(await peer.next()).toBe("hi");
      using plain = await RawPeer.connect(port, { host: address });
      plain.send(requestText("/page", { Connection: "Upgrade", Upgrade: "h2c" }));
      expect(await plain.readResponse()).toMatchObject({ status: 200, body: "a page" });
    }
    expect(addresses.length).toBeGreaterThan(0);
  });

  it("a server over TLS", async () => {
    const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }]);
    const app = closing(fastify({ https: { key, cert } }));
    await app.register(websocket);
    app.websocket("/", (conn, request) => conn.send(request.protocol));
    await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = app.server.address() as AddressInfo; // a TCP address is never a string
    const origin = `https://127.0.0.1:${port}`;
    const peer = new WebSocket(`wss://127.0.0.1:${port}/`, { rejectUnauthorized: false, origin });
    const [message] = await nextEvent(peer, "message");
    expect(String(message)).toBe("https");
    peer.terminate();
  });

  it("an HTTP/2 server goes on with HTTP", async () => {
    const app = closing(fastify({ http2: true }));
    await app.register(websocket);
    app.websocket("/", echo);
    app.get("/page", async () => "a page");
    const client = connectHttp2(await app.listen({ port: 0, host: "127.0.0.1" }));
    for (const [path, status] of [
      ["/page", 200],
      ["/", 426],
    ] as const) {
      const [headers] = await nextEvent(client.request({ ":path": path }), "response");
      expect(headers).toMatchObject({ ":status": status });
    }
    client.destroy();
  });

  it("a server of the application's own making, by serverFactory", async () => {
    const { createServer } = await import("node:http");
    const app = await appWith({}, { serverFactory: (handler) => createServer(handler) });
    app.websocket("/", echo);
    using peer = await WsPeer.open(`ws://127.0.0.1:${await listen(app)}/`);
    peer.send("hi");
    expect(await peer.next()).toBe("hi");
  });
});

describe("shutdown", () => {
  it("waits for a connection that is held, within drainTimeout", async () => {
    const app = await appWith({ drainTimeout: 10_000 });
    const steps: string[] = [];
    const reading = deferred();
    const saved = deferred();
    app.websocket("/", async (conn) => {
      using _held = conn.hold();
      reading.resolve();
      await saved.promise;
      steps.push("saved");
      await conn.writeMessage(1, "receipt");
    });
    app.addHook("onClose", async () => void steps.push("closed"));
    const conn = await app.injectWS("/");
    await reading.promise;
    const closed = app.close();
    saved.resolve();
    expect((await conn.readMessage()).text()).toBe("receipt");
    await closed;
    expect(steps).toEqual(["saved", "closed"]);
  });

  it.each([true, false])("refuses with 503 meanwhile, return503OnClosing: %s", async (on) => {
    const app = await appWith({ drainTimeout: 10_000 }, { return503OnClosing: on });
    app.websocket("/", async (conn) => {
      using _held = conn.hold();
      await conn.discard();
    });
    const conn = await app.injectWS("/");
    const closed = app.close();
    const error = await failure(app.injectWS("/"));
    expect(error).toMatchObject({ status: 503 });
    await conn.close();
    await closed;
  });

  it("counts its open connections", async () => {
    const app = await appWith();
    app.websocket("/", echo);
    const conn = await app.injectWS("/");
    expect(app.websocketConns.size).toBe(1);
    for (const open of app.websocketConns) open.send("to all");
    expect((await conn.readMessage()).text()).toBe("to all");
    await app.close();
    expect(app.websocketConns.size).toBe(0);
  });
});
