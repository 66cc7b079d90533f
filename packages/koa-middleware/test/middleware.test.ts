/** Middleware around a socket: it sees an ordinary request, an ordinary response, and may still change its mind. */
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { Inbox, upgradeText, type RawPeer } from "@longwire/testkit";
import type { Middleware } from "koa";
import compress from "koa-compress";
import logger from "koa-logger";
import serveStatic from "koa-static";
import { describe, expect, it } from "vitest";
import { websocket, type Conn } from "../src/index.ts";
import { echo, errorsOf, listen, served, VERSIONS } from "./app.ts";

describe.each(VERSIONS)("%s", (_version, App) => {
  it("koa-logger prints each request once, with 101 when it was accepted", async () => {
    const lines = new Inbox<string>("a line of koa-logger");
    const app = new App();
    app.use(logger((_text, [, method, url, status]) => lines.push(`${method} ${url} ${status}`)));
    app.use((ctx, next) => {
      if (ctx.path === "/no") ctx.status = 403;
      else return next();
      return undefined;
    });
    app.use(websocket(echo));
    const server = await served(app);
    const peer = await server.ws("/ws?room=1");
    expect([await lines.next(), await lines.next()]).toEqual([
      "GET /ws?room=1 undefined", // when it came
      "GET /ws?room=1 101",
    ]);
    await peer.close();
    await server.refused("/no");
    expect([await lines.next(), await lines.next()]).toEqual(["GET /no undefined", "GET /no 403"]);
    expect(lines.all).toHaveLength(4);
  });

  it("headers that middleware sets around the route are on the 101", async () => {
    const app = new App();
    app.use(async (ctx, next) => {
      ctx.set("X-Frame-Options", "DENY");
      ctx.vary("Origin");
      const began = process.hrtime.bigint();
      await next();
      ctx.set("X-Response-Time", String(process.hrtime.bigint() - began));
      ctx.append("Link", "</a>");
      ctx.append("Link", "</b>");
    });
    app.use(websocket(echo));
    const { response } = await (await served(app)).ws("/");
    expect(response.header("x-frame-options")).toBe("DENY");
    expect(response.header("vary")).toBe("Origin");
    expect(response.header("x-response-time")).toMatch(/^\d+$/u);
    expect(response.headerValues("link")).toEqual(["</a>", "</b>"]);
  });

  it("koa-compress leaves the 101 alone, and compresses a large refusal", async () => {
    const body = "no entry ".repeat(2_000);
    const app = new App();
    app.use(compress({ br: false }));
    app.use((ctx) => {
      if (ctx.path === "/") return websocket(ctx, echo);
      ctx.status = 403;
      ctx.body = body;
      return undefined;
    });
    const server = await served(app);
    const headers = { "Accept-Encoding": "gzip" };
    const peer = await server.ws("/", { headers });
    expect(peer.response.header("content-encoding")).toBeUndefined();
    peer.send("plain");
    expect(await peer.next()).toBe("plain");
    const raw = await server.raw();
    raw.send(upgradeText("/no", headers));
    const head = (await raw.readUntil("\r\n\r\n")).toString();
    expect(head).toMatch(/^content-encoding: gzip$/imu);
    expect(gunzipSync(await readChunks(raw)).toString()).toBe(body);
  });

  it("koa-static in front passes on what is no file, and serves a file as a page", async () => {
    const app = new App();
    app.use(serveStatic(import.meta.dirname));
    app.use(websocket(echo));
    const server = await served(app);
    await (await server.ws("/ws")).roundTrip();
    const file = await server.answerTo("/app.ts");
    expect(file.status).toBe(200);
    expect(file.body).toContain("Koa apps of one test");
  });

  it("asyncLocalStorage's current context is the handler's, to the end", async () => {
    const app = new App({ asyncLocalStorage: true });
    const tell = (conn: Conn): void => {
      conn.send(String(app.currentContext?.["path"]));
    };
    app.use(
      websocket(async (conn) => {
        tell(conn);
        await conn.readMessage();
        tell(conn);
      }),
    );
    const peer = await (await served(app)).ws("/where");
    expect(await peer.next()).toBe("/where");
    peer.send("and now?");
    expect(await peer.next()).toBe("/where");
  });

  describe("middleware that answers after the route has accepted", () => {
    const answers: ReadonlyArray<readonly [string, Middleware, number, string]> = [
      [
        "a status and a body",
        async (ctx, next) => {
          await next();
          ctx.status = 403;
          ctx.body = "changed my mind";
        },
        403,
        "changed my mind",
      ],
      [
        "a status alone",
        async (ctx, next) => {
          await next();
          ctx.status = 503;
        },
        503,
        "Service Unavailable",
      ],
      [
        "a stream",
        async (ctx, next) => {
          await next();
          ctx.status = 200;
          ctx.body = Readable.from(["a ", "page"]);
        },
        200,
        "a page",
      ],
      [
        "what it makes of an error",
        async (ctx, next) => {
          try {
            await next();
            throw new Error("too late");
          } catch (error) {
            ctx.status = 500;
            ctx.body = { error: String(error) };
          }
        },
        500,
        '{"error":"Error: too late"}',
      ],
      [
        "an error",
        async (ctx, next) => {
          await next();
          ctx.throw(429, "slow down");
        },
        429,
        "slow down",
      ],
      [
        "the raw response",
        async (ctx, next) => {
          await next();
          ctx.respond = false;
          ctx.res.statusCode = 418;
          ctx.res.end("by hand");
        },
        418,
        "by hand",
      ],
    ];

    it.each(answers)("refuses by %s", async (_what, late, status, body) => {
      const ran: string[] = [];
      const app = new App();
      errorsOf(app);
      app.use(late);
      app.use(websocket(() => ran.push("ran")));
      const { server, attachment } = await listen(app);
      expect(await server.answerTo("/")).toMatchObject({ status, body });
      expect(ran).toEqual([]);
      expect(attachment.conns.size).toBe(0);
    });

    it("and only wraps or reads the body does not", async () => {
      const app = new App();
      app.use(async (ctx, next) => {
        await next();
        ctx.body = { code: 0, data: ctx.body as unknown };
      });
      app.use(async (ctx, next) => {
        await next();
        if (ctx.status === 404) ctx.body = "nothing here";
      });
      app.use(websocket(echo));
      const peer = await (await served(app)).ws("/");
      expect(peer.response.header("content-type")).toBeUndefined();
      expect(peer.response.header("content-length")).toBeUndefined();
      peer.send("open");
      expect(await peer.next()).toBe("open");
    });
  });
});

/** Reads a body in chunks. */
async function readChunks(peer: RawPeer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (;;) {
    const size = Number.parseInt((await peer.readUntil("\r\n")).toString(), 16);
    const chunk = await peer.readBytes(size + 2);
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, size));
  }
}
