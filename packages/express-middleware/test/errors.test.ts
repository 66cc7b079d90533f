/** Where errors go: before the 101 and behind it, those that end the connection and those that do not. */
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { deferred, Inbox, TestServer, watchForCrashes } from "@longwire/testkit";
import type { Application, ErrorRequestHandler } from "express";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { websocket, type Conn } from "../src/index.ts";
import { echo, quietApp, served, VERSIONS } from "./app.ts";

let stopWatching: () => Promise<void>;
beforeEach(() => {
  const watch = watchForCrashes();
  stopWatching = () => watch.stop();
});
afterEach(() => stopWatching());

interface Report {
  readonly error: unknown;
  readonly headersSent: boolean;
  readonly params: unknown;
}

/** Adds an error handler as Express's documentation wants it: it delegates when a response has begun. */
function reporting(app: Application): Inbox<Report> {
  const reports = new Inbox<Report>("an error at the error handler");
  const handler: ErrorRequestHandler = (error, request, response, next) => {
    reports.push({ error, headersSent: response.headersSent, params: { ...request.params } });
    if (response.headersSent) next(error);
    else response.status(500).json({ error: "sorry" });
  };
  app.use(handler);
  return reports;
}

/** What the process has printed as errors while the test runs: Express 4 prints the stack, Express 5 the error. */
function printed(): () => string[] {
  const spy = vi.spyOn(console, "error").mockImplementation(() => {});
  onTestFinished(() => spy.mockRestore());
  return () => spy.mock.calls.map(([first]) => String(first));
}

describe.each(VERSIONS)("%s", (_version, express) => {
  describe("an error of the handler", () => {
    it.each(["call", "short"])("closes with 1011 and comes to next() once, by %s", async (form) => {
      const fault = new Error("the handler's fault");
      const fail = async (conn: Conn): Promise<void> => {
        conn.send("about to fail");
        await conn.readMessage();
        throw fault;
      };
      const app = quietApp(express);
      if (form === "short") app.get("/rooms/:room", websocket(fail));
      else app.get("/rooms/:room", (request) => websocket(request, fail));
      const reports = reporting(app);
      const server = await served(app);
      const peer = await server.ws("/rooms/blue");
      peer.send("go");
      expect(await peer.awaitClosed()).toEqual({ code: 1011, reason: "" });
      expect(await reports.next()).toMatchObject({ error: fault, headersSent: true });
      expect((await server.answerTo("/nowhere")).status).toBe(404);
      expect(reports.all).toHaveLength(1);
    });

    it("reaches next() although the peer never answers the close frame", async () => {
      const fault = new Error("the handler's fault");
      const app = quietApp(express);
      app.get(
        "/",
        websocket({ closeTimeout: 60_000 }, () => {
          throw fault;
        }),
      );
      const reports = reporting(app);
      const peer = await (await served(app)).rawSocket("/");
      expect((await peer.readClose()).code).toBe(1011);
      expect(await reports.next()).toMatchObject({ error: fault });
    });

    it("comes to the error handlers of the route first, by short", async () => {
      const order: string[] = [];
      const noting =
        (name: string): ErrorRequestHandler =>
        (error, _request, _response, next) => {
          order.push(name);
          next(error);
        };
      const app = quietApp(express);
      const fail = websocket(() => {
        throw new Error("the handler's fault");
      });
      app.get("/", fail, noting("route"));
      app.use(noting("app"));
      const peer = await (await served(app)).ws("/");
      expect((await peer.awaitClosed()).code).toBe(1011);
      expect(order).toEqual(["route", "app"]);
    });

    it("is printed by Express when there is no error handler", async () => {
      const lines = printed();
      const app = express();
      app.set("env", "development");
      app.get(
        "/",
        websocket(() => {
          throw new Error("nobody handles this");
        }),
      );
      const peer = await (await served(app)).ws("/");
      expect((await peer.awaitClosed()).code).toBe(1011);
      await vi.waitFor(() => {
        expect(lines()).toEqual([expect.stringContaining("Error: nobody handles this")]);
      });
    });

    it("goes to onError instead, with connection and request, in both forms", async () => {
      const fault = new Error("the handler's fault");
      const told = new Inbox<[unknown, number, string | undefined]>("a call of onError");
      const fail = (): never => {
        throw fault;
      };
      const app = quietApp(express);
      app.get(
        "/short/:room",
        websocket(
          {
            onError: (error, conn, { params }) => told.push([error, conn.readyState, params.room]),
          },
          fail,
        ),
      );
      app.get("/call/:room", (req) =>
        websocket(
          req,
          {
            onError: (error, conn, { params }) => told.push([error, conn.readyState, params.room]),
          },
          fail,
        ),
      );
      const reports = reporting(app);
      const server = await served(app);
      for (const form of ["short", "call"]) {
        expect((await (await server.ws(`/${form}/${form}`)).awaitClosed()).code).toBe(1011);
        const [error, , room] = await told.next();
        expect([error, room]).toEqual([fault, form]);
      }
      expect(reports.all).toEqual([]);
    });

    it("and one of onError itself are printed, and nothing crashes", async () => {
      const lines = printed();
      const app = quietApp(express);
      const fail = (): never => {
        throw new Error("the handler's fault");
      };
      const throwing = (): never => {
        throw new Error("thrown");
      };
      app.get("/throws", websocket({ onError: throwing }, fail));
      app.get(
        "/rejects",
        websocket({ onError: async () => Promise.reject(new Error("rejected")) }, fail),
      );
      const server = await served(app);
      for (const path of ["/throws", "/rejects"]) {
        expect((await (await server.ws(path)).awaitClosed()).code).toBe(1011);
      }
      expect(lines()).toEqual(["Error: thrown", "Error: rejected"]);
    });

    it("is none when it is the end of the connection", async () => {
      const app = quietApp(express);
      const ended = deferred<unknown>();
      app.get(
        "/",
        websocket(async (conn) => {
          try {
            for (;;) await conn.readMessage();
          } catch (error) {
            ended.resolve(error);
            throw error;
          }
        }),
      );
      const reports = reporting(app);
      const server = await served(app);
      await (await server.ws("/")).close(4000);
      expect(await ended.promise).toMatchObject({ code: 4000 });
      expect((await server.answerTo("/nowhere")).status).toBe(404);
      expect(reports.all).toEqual([]);
    });
  });

  describe("an outgoing value that does not fit", () => {
    const messages = { outgoing: z.object({ sum: z.number() }) };

    it("comes to next() at once, and the connection goes on", async () => {
      const app = quietApp(express);
      app.get(
        "/",
        websocket({ messages }, async (conn) => {
          for await (const message of conn) {
            void conn.writeJSON(JSON.parse(message.text()) as never); // wrong on purpose
          }
        }),
      );
      const reports = reporting(app);
      const peer = await (await served(app)).ws("/");
      peer.send('{"sum":"no number"}');
      expect(await reports.next()).toMatchObject({
        error: { code: "WS_VALIDATION", issues: [{ path: ["sum"] }] },
        headersSent: true,
      });
      peer.send('{"sum":1}');
      expect(await peer.next()).toBe('{"sum":1}');
    });

    it("and a second one of the same connection are not lost, nor is the connection", async () => {
      const lines = printed();
      const app = express();
      app.set("env", "development");
      app.get(
        "/",
        websocket({ messages }, async (conn) => {
          for await (const message of conn) {
            void conn.writeJSON({ sum: message.text() } as never); // wrong on purpose
            conn.send("tried");
          }
        }),
      );
      const reports: unknown[] = [];
      const logging: ErrorRequestHandler = (error, _request, _response, _next) => {
        reports.push(error);
      };
      app.use(logging);
      const peer = await (await served(app)).ws("/");
      for (const text of ["first", "second"]) {
        peer.send(text);
        expect(await peer.next()).toBe("tried");
      }
      expect(reports).toMatchObject([{ code: "WS_VALIDATION" }]);
      await vi.waitFor(() => {
        expect(lines()).toEqual([expect.stringContaining("does not fit its schema")]);
      });
      peer.send("third");
      expect(await peer.next()).toBe("tried");
    });
  });

  describe("an error before the 101", () => {
    it("of the route's own checks is answered by the error handlers", async () => {
      const fault = new Error("the database is down");
      const app = quietApp(express);
      app.get("/", websocket({ checkOrigin: () => Promise.reject(fault) }, echo));
      const reports = reporting(app);
      const answer = await (await served(app)).answerTo("/");
      expect([answer.status, answer.body]).toEqual([500, '{"error":"sorry"}']);
      expect(await reports.next()).toMatchObject({ error: fault, headersSent: false });
    });

    it("is none when the handshake is refused: cookies of the refusal are sent", async () => {
      const app = quietApp(express);
      const headers = [
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
      ] as const;
      const error = (): object => ({ status: 418, headers, body: "not you" });
      app.get("/", websocket({ error, warn: () => {} }, echo));
      const reports = reporting(app);
      const answer = await (await served(app)).answerTo("/", { Origin: "https://evil.example" });
      expect([answer.status, answer.body]).toEqual([418, "not you"]);
      expect(answer.headerValues("set-cookie")).toEqual(["a=1", "b=2"]);
      expect(reports.all).toEqual([]);
    });

    it("is a missing attach: it names the remedy", async () => {
      const app = quietApp(express);
      app.get("/", websocket(echo));
      const reports = reporting(app);
      const server = app.listen(0, "127.0.0.1");
      expect((await (await TestServer.of(server)).answerTo("/")).status).toBe(500);
      const { error } = await reports.next();
      expect(error).toMatchObject({ code: "WS_NOT_ATTACHED" });
      expect(String(error)).toContain("attach(server, app)");
    });
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
    const foreign = new IncomingMessage(new Socket());
    expect(() => websocket(foreign, () => {})).toThrow(/Express route/u);
  });
});
