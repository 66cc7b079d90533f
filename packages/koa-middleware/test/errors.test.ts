/** Where errors go: before the 101 and behind it, those that end the connection and those that do not. */
import { deferred, Inbox, TestServer, watchForCrashes } from "@longwire/testkit";
import { createServer } from "node:http";
import Koa, { type Context } from "koa";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { attach, upgrades, websocket, type Conn, type UpgraderOptions } from "../src/index.ts";
import { connect } from "../src/testing.ts";
import { echo, errorsOf, served, VERSIONS } from "./app.ts";

let stopWatching: () => Promise<void>;
beforeEach(() => {
  const watch = watchForCrashes();
  stopWatching = () => watch.stop();
});
afterEach(() => stopWatching());

/** What the process has printed as errors while the test runs. */
function printed(): () => string[] {
  const spy = vi.spyOn(console, "error").mockImplementation(() => {});
  onTestFinished(() => spy.mockRestore());
  return () => spy.mock.calls.map(([first]) => String(first));
}

describe.each(VERSIONS)("%s", (_version, App) => {
  describe("an error of the handler", () => {
    it.each(["call", "short"])("closes with 1011 and is emitted once, by %s", async (form) => {
      const fault = new Error("the handler's fault");
      const fail = async (conn: Conn): Promise<void> => {
        await conn.readMessage();
        throw fault;
      };
      const emitted = new Inbox<readonly [unknown, string]>("an error event");
      const app = new App();
      app.on("error", (error: unknown, ctx: Context) => emitted.push([error, ctx.path]));
      if (form === "short") app.use(websocket(fail));
      else app.use((ctx) => websocket(ctx, fail));
      const server = await served(app);
      const peer = await server.ws("/rooms/blue");
      peer.send("go");
      expect((await peer.awaitClosed()).code).toBe(1011);
      expect(await emitted.next()).toEqual([fault, "/rooms/blue"]);
      expect((await server.get("/")).status).toBe(426);
      expect(emitted.all).toHaveLength(1);
    });

    it("is printed by Koa when nobody listens", async () => {
      const lines = printed();
      const app = new App();
      app.use(
        websocket(() => {
          throw new Error("nobody handles this");
        }),
      );
      const peer = await (await served(app)).ws("/");
      expect((await peer.awaitClosed()).code).toBe(1011);
      expect(lines()).toEqual([expect.stringContaining("Error: nobody handles this")]);
    });

    it("goes to onError instead, with connection and context, in both forms", async () => {
      const fault = new Error("the handler's fault");
      const told = new Inbox<readonly [unknown, Conn, string]>("a call of onError");
      const fail = (): never => {
        throw fault;
      };
      const onError = (error: unknown, conn: Conn, ctx: Context): void =>
        told.push([error, conn, ctx.path]);
      const app = new App();
      const errors = errorsOf(app);
      const short = websocket({ onError }, fail);
      app.use((ctx) => (ctx.path === "/short" ? short(ctx) : websocket(ctx, { onError }, fail)));
      const server = await served(app);
      for (const path of ["/short", "/call"]) {
        expect((await (await server.ws(path)).awaitClosed()).code).toBe(1011);
        const [error, conn, where] = await told.next();
        expect([error, where]).toEqual([fault, path]);
        expect(conn.readyState).not.toBe(1);
      }
      expect(errors.all).toEqual([]);
    });

    it("and one of onError or of a listener are printed, and nothing crashes", async () => {
      const lines = printed();
      const fail = (): never => {
        throw new Error("the handler's fault");
      };
      const app = new App();
      app.on("error", () => {
        throw new Error("the listener's fault");
      });
      const rejecting = { onError: async () => Promise.reject(new Error("rejected")) };
      app.use((ctx) =>
        ctx.path === "/listener" ? websocket(ctx, fail) : websocket(ctx, rejecting, fail),
      );
      const server = await served(app);
      for (const path of ["/listener", "/onError"]) {
        expect((await (await server.ws(path)).awaitClosed()).code).toBe(1011);
      }
      expect(lines()).toEqual(["Error: the listener's fault", "Error: rejected"]);
    });

    it("is none when it is the end of the connection", async () => {
      const ended = deferred<unknown>();
      const app = new App();
      const errors = errorsOf(app);
      app.use(
        websocket(async (conn) => {
          try {
            for (;;) await conn.readMessage();
          } catch (error) {
            ended.resolve(error);
            throw error;
          }
        }),
      );
      const server = await served(app);
      await (await server.ws("/")).close(4000);
      expect(await ended.promise).toMatchObject({ code: 4000 });
      expect((await server.get("/")).status).toBe(426);
      expect(errors.all).toEqual([]);
    });

    it("is emitted for each outgoing value that does not fit, and the connection goes on", async () => {
      const messages = { outgoing: z.object({ sum: z.number() }) };
      const app = new App();
      const errors = errorsOf(app);
      app.use(
        websocket({ messages }, async (conn) => {
          for await (const message of conn) {
            void conn.writeJSON({ sum: message.text() } as never); // wrong on purpose
            conn.send("tried");
          }
        }),
      );
      const peer = await (await served(app)).ws("/");
      for (const text of ["first", "second"]) {
        peer.send(text);
        expect(await peer.next()).toBe("tried");
        expect(await errors.next()).toMatchObject({
          code: "WS_VALIDATION",
          issues: [{ path: ["sum"] }],
        });
      }
    });
  });

  describe("an error before the 101", () => {
    it("of the route's own checks is Koa's: emitted, and answered with 500", async () => {
      const fault = new Error("the database is down");
      const app = new App();
      const errors = errorsOf(app);
      app.use(websocket({ checkOrigin: async () => Promise.reject(fault) }, echo));
      expect((await (await served(app)).answerTo("/")).status).toBe(500);
      expect(await errors.next()).toBe(fault);
    });

    it("is answered with 500 also when an error listener of the app throws", async () => {
      printed();
      const app = new App();
      app.on("error", () => {
        throw new Error("the listener's fault");
      });
      app.use(() => {
        throw new Error("a guard's fault");
      });
      expect((await (await served(app)).answerTo("/")).status).toBe(500);
    });

    it("is none when the handshake is refused: headers of the refusal are sent", async () => {
      const headers = [
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
        ["X-Why", "origin"],
      ] as const;
      const error = (): object => ({ status: 418, headers, body: "not you" });
      const app = new App();
      const errors = errorsOf(app);
      app.use(websocket({ error, warn: () => {} }, echo));
      const answer = await (await served(app)).answerTo("/", { Origin: "https://evil.example" });
      expect([answer.status, answer.body]).toEqual([418, "not you"]);
      expect(answer.headerValues("set-cookie")).toEqual(["a=1", "b=2"]);
      expect(answer.header("x-why")).toBe("origin");
      expect(errors.all).toEqual([]);
    });

    it("is a missing attach: it names the remedy", async () => {
      const app = new App();
      const errors = errorsOf(app);
      app.use(websocket(echo));
      const server = await TestServer.of(app.listen(0, "127.0.0.1"));
      expect((await server.answerTo("/")).status).toBe(500);
      const error = await errors.next();
      expect(error).toMatchObject({ code: "WS_NOT_ATTACHED" });
      expect(String(error)).toContain("attach(server, app)");
    });
  });
});

describe.each(VERSIONS)(
  "a chain of %s that does not wait for the route",
  (_version, KoaOfVersion) => {
    const forgetful: Record<string, (ctx: Context) => void> = {
      "websocket()": (ctx) => void websocket(ctx, () => {}),
      "websocket() behind a check that waits": (ctx) =>
        void websocket(ctx, { checkOrigin: async () => true }, () => {}),
    };

    it.each(Object.entries(forgetful))(
      "is answered by Koa, and told of %s",
      async (_what, route) => {
        const app = new KoaOfVersion();
        const errors = new Inbox<Error>("an error of the app");
        app.on("error", (error: Error) => errors.push(error));
        app.use(route);
        await expect(connect(app, "/")).rejects.toMatchObject({ status: 404 });
        expect((await errors.next()).message).toMatch(/return or await the promise of websocket/u);
      },
    );

    it("is told of a next() that nobody awaits", async () => {
      const app = new KoaOfVersion();
      const errors = new Inbox<Error>("an error of the app");
      const answered = deferred();
      app.on("error", (error: Error) => errors.push(error));
      app.use((_ctx, next) => void next());
      app.use(async (ctx) => {
        await answered.promise;
        await websocket(ctx, () => {});
      });
      await expect(connect(app, "/")).rejects.toMatchObject({ status: 404 });
      answered.resolve();
      expect((await errors.next()).message).toMatch(/that of next\(\)/u);
    });
  },
);

describe("wrong arguments", () => {
  it("are told where the route is declared", () => {
    // @ts-expect-error -- no handler
    expect(() => websocket({})).toThrow(TypeError);
    expect(() => websocket({ readLimit: -1 }, () => {})).toThrow(/readLimit.*-1/u);
    // @ts-expect-error -- misspelt
    expect(() => websocket({ readLimt: 1 }, () => {})).toThrow(/no option readLimt/u);
    // @ts-expect-error -- no function
    expect(() => websocket({ checkOrigin: "any" }, () => {})).toThrow(/checkOrigin/u);
    expect(() => upgrades({ readLimt: 1 } as UpgraderOptions)).toThrow(/no option readLimt/u);
  });

  it("of attach are told by name", () => {
    const callback = new Koa().callback();
    // @ts-expect-error -- the app is asked for
    expect(() => attach(createServer(), callback)).toThrow(/callback\(\), got function/u);
    // @ts-expect-error -- no server
    expect(() => attach(3000, new Koa())).toThrow(/server must be .*, got number/u);
  });
});
