/** What goes wrong with express-ws 5, and does not here. */
import { rawText, requestText, upgradeText, watchForCrashes } from "@longwire/testkit";
import type { ErrorRequestHandler } from "express";
import session from "express-session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { websocket } from "../src/index.ts";
import { echo, quietApp, served, VERSIONS } from "./app.ts";

let stopWatching: () => Promise<void>;
beforeEach(() => {
  const watch = watchForCrashes();
  stopWatching = () => watch.stop();
});
afterEach(() => stopWatching());

describe.each(VERSIONS)("a WebSocket route of %s", (_version, express) => {
  it("1: stands on any Router, whichever copy of Express made it, and whenever", async () => {
    const early = express.Router();
    early.get("/early", websocket(echo));
    const app = quietApp(express);
    app.use("/routers", early);
    const server = await served(app);
    const late = express.Router();
    late.get("/late", websocket(echo));
    app.use("/routers", late);
    for (const [, other] of VERSIONS) {
      const router = other.Router();
      router.get("/echo", websocket(echo));
      app.use("/copies", router);
    }
    for (const path of ["/routers/early", "/routers/late", "/copies/echo"]) {
      const peer = await server.ws(path);
      peer.send(path);
      expect(await peer.next()).toBe(path);
    }
  });

  it("2: is refused by a guard with 401, not accepted and then closed", async () => {
    const app = quietApp(express);
    app.use("/private", (_request, response) => {
      response.status(401).set("WWW-Authenticate", "Basic").json({ error: "who are you?" });
    });
    app.get("/private", websocket(echo));
    const answer = await (await served(app)).answerTo("/private");
    expect([answer.status, answer.body]).toEqual([401, '{"error":"who are you?"}']);
    expect(answer.header("www-authenticate")).toBe("Basic");
  });

  it("2: that does not exist is a 404 of Express", async () => {
    const answer = await (await served(quietApp(express))).answerTo("/nowhere");
    expect([answer.status, answer.header("content-type")]).toEqual([
      404,
      "text/html; charset=utf-8",
    ]);
  });

  it("3: gives the rejection of its handler to the error handlers, not to the process", async () => {
    const fault = new Error("the handler's fault");
    const app = quietApp(express);
    const seen: unknown[] = [];
    app.get(
      "/",
      websocket(async (conn) => {
        await conn.readMessage();
        throw fault;
      }),
    );
    app.use(((error, _request, _response, next) => {
      seen.push(error);
      next(error);
    }) satisfies ErrorRequestHandler);
    const peer = await (await served(app)).ws("/");
    peer.send("go");
    expect((await peer.awaitClosed()).code).toBe(1011);
    expect(seen).toEqual([fault]);
  });

  it("4: is not killed by a 404 handler behind it", async () => {
    const app = quietApp(express);
    app.get("/", websocket(echo));
    app.use((_request, response) => void response.status(404).send("not found"));
    const peer = await (await served(app)).ws("/");
    await peer.roundTrip();
    peer.send("alive");
    expect(await peer.next()).toBe("alive");
  });

  it("4: does not crash with express-session in front", async () => {
    const app = quietApp(express);
    app.use(session({ secret: "s", resave: true, saveUninitialized: true, rolling: true }));
    app.get("/", websocket(echo));
    const server = await served(app);
    const peer = await server.ws("/");
    await peer.close();
    expect((await server.answerTo("/nowhere")).status).toBe(404);
    await (await server.ws("/")).roundTrip();
  });

  it("5: leaves `Upgrade: h2c` to HTTP", async () => {
    const app = quietApp(express);
    app.get("/page", (_request, response) => void response.send("plain"));
    app.get("/ws", websocket(echo));
    const server = await served(app);
    const peer = await server.raw();
    const h2c = {
      Host: server.host,
      Upgrade: "h2c",
      Connection: "Upgrade, HTTP2-Settings",
      "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
    };
    peer.send(requestText("/page", h2c));
    expect(await peer.readResponse()).toMatchObject({ status: 200, body: "plain" });
    peer.send(requestText("/ws", h2c)); // not a WebSocket handshake: an ordinary GET of the route
    expect((await peer.readResponse()).status).toBe(426);
  });

  it("reads messages that came while a guard was waiting", async () => {
    const app = quietApp(express);
    let pass: () => void = () => {};
    const waiting = new Promise<void>((resolve) => {
      app.get(
        "/",
        (_request, _response, next) => {
          pass = next;
          resolve();
        },
        websocket(echo),
      );
    });
    const server = await served(app);
    const peer = await server.raw();
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), rawText("with the request")]));
    await waiting;
    peer.send(rawText("meanwhile"));
    pass();
    expect((await peer.readResponse()).status).toBe(101);
    expect((await peer.readFrame()).payload.toString()).toBe("with the request");
    expect((await peer.readFrame()).payload.toString()).toBe("meanwhile");
  });
});
