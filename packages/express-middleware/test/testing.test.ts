/** The helper that users test their apps with: `connect` of @longwire/express/testing. */
import { connect, HandshakeError } from "@longwire/express/testing";
import session from "express-session";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { attach, websocket, type Conn, type Messages } from "../src/index.ts";
import { echo, quietApp, VERSIONS, type ExpressModule } from "./app.ts";
import { createServer } from "node:http";

const chat = {
  incoming: z.object({ text: z.string() }),
  outgoing: z.object({ text: z.string(), at: z.date() }),
} satisfies Messages;

function chatApp(express: ExpressModule): ReturnType<typeof quietApp> {
  const app = quietApp(express);
  app.use(session({ secret: "s", resave: false, saveUninitialized: true, name: "seen" }));
  app.use("/private", (request, response, next) => {
    if (request.get("Authorization") === "Bearer let-me-in") next();
    else response.status(401).set("WWW-Authenticate", "Bearer").json({ error: "who are you?" });
  });
  app.get("/private/echo", websocket({ subprotocols: ["v2"] }, echo));
  app.get(
    "/chat",
    websocket({ messages: chat }, async (conn) => {
      for await (const { text } of conn.json()) await conn.writeJSON({ text, at: new Date(0) });
    }),
  );
  app.get("/page", (_request, response) => void response.send("a page"));
  app.get(
    "/address",
    websocket((conn) => conn.send(String(conn.remoteAddress))),
  );
  return app;
}

describe.each(VERSIONS)("connect to an app of %s", (_version, express) => {
  it("goes through its middleware and resolves with a client's connection", async () => {
    const conn = await connect(chatApp(express), "/private/echo?a=1", {
      headers: { Authorization: "Bearer let-me-in" },
      subprotocols: ["v1", "v2"],
    });
    expectTypeOf(conn).toExtend<Conn>();
    expect(conn.subprotocol).toBe("v2");
    expect(conn.response.status).toBe(101);
    expect(conn.response.headers["set-cookie"]).toEqual([expect.stringMatching(/^seen=/u)]);
    await conn.writeMessage(1, "hello");
    expect((await conn.readMessage()).text()).toBe("hello");
    expect(await conn.close()).toMatchObject({ code: 1000, wasClean: true });
  });

  it.each([
    ["/private/echo", 401, /^application\/json/u, '{"error":"who are you?"}'],
    ["/nowhere", 404, /^text\/html/u, "Cannot GET /nowhere"],
    ["/page", 200, /^text\/html/u, "a page"],
  ])("rejects with the whole response of %s", async (path, status, type, body) => {
    const refusal = await connect(chatApp(express), path).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(HandshakeError);
    const error = refusal as HandshakeError; // as the line above has found
    expect(error.status).toBe(status);
    expect(error.response?.headers["content-type"]).toMatch(type);
    expect(error.response?.body.toString()).toContain(body);
  });

  it("has the types of the client's side of a contract", async () => {
    await using conn = await connect<typeof chat>(chatApp(express), "/chat");
    await conn.writeJSON({ text: "hi" });
    const answer = await conn.readJSON();
    expectTypeOf(answer).toEqualTypeOf<{ text: string; at: string }>();
    expect(answer).toEqual({ text: "hi", at: "1970-01-01T00:00:00.000Z" });
    // @ts-expect-error -- the contract asks for a text
    await conn.writeJSON({ txt: "hi" });
    expect(await conn.closed).toMatchObject({ code: 1007 });
  });

  it("gives the peer an address", async () => {
    await using conn = await connect(chatApp(express), "/address", { address: "203.0.113.9" });
    expect((await conn.readMessage()).text()).toBe("203.0.113.9");
  });

  it("serves one app to many connections", async () => {
    const app = chatApp(express);
    const conns = await Promise.all(
      Array.from({ length: 20 }, () => connect<typeof chat>(app, "/chat")),
    );
    for (const conn of conns) await conn.writeJSON({ text: "each" });
    for (const conn of conns) expect(await conn.readJSON()).toMatchObject({ text: "each" });
    await Promise.all(conns.map((conn) => conn.close()));
  });

  it("takes a server of the app's own, with the options that it was attached with", async () => {
    const app = chatApp(express);
    const server = createServer(app);
    const attachment = attach(server, app, { only: ({ url }) => url === "/address" });
    await using conn = await connect(server, "/address");
    expect(attachment.conns.size).toBe(1);
    expect((await conn.readMessage()).text()).toBe("127.0.0.1");
    await expect(connect(server, "/chat")).rejects.toMatchObject({ status: 404 });
    await attachment.close();
    expect(await conn.closed).toMatchObject({ code: 1001 });
  });
});
