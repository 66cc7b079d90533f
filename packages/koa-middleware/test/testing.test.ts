/** The helper that users test their apps with: `connect` of @longwire/koa/testing. */
import { createServer } from "node:http";
import { connect, HandshakeError } from "@longwire/koa/testing";
import type Koa from "koa";
import session from "koa-session";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { attach, websocket, type Conn, type Messages } from "../src/index.ts";
import { echo, VERSIONS } from "./app.ts";

const chat = {
  incoming: z.object({ text: z.string() }),
  outgoing: z.object({ text: z.string(), at: z.date() }),
} satisfies Messages;

function chatApp(App: typeof Koa): Koa {
  const app = new App();
  app.keys = ["k1"];
  app.silent = true;
  app.use(session({ key: "seen" }, app));
  app.use((ctx, next) => {
    ctx["session"] = { seen: true };
    if (!ctx.path.startsWith("/private") || ctx.get("Authorization") === "Bearer me") return next();
    ctx.status = 401;
    ctx.body = { error: "who are you?" };
    return undefined;
  });
  const talk = websocket({ messages: chat }, async (conn) => {
    for await (const { text } of conn.json()) await conn.writeJSON({ text, at: new Date(0) });
  });
  const privately = websocket({ subprotocols: ["v2"] }, echo);
  const address = websocket((conn) => conn.send(String(conn.remoteAddress)));
  app.use((ctx) => {
    if (ctx.path === "/chat") return talk(ctx);
    if (ctx.path === "/private/echo") return privately(ctx);
    if (ctx.path === "/address") return address(ctx);
    if (ctx.path === "/page") ctx.body = "a page";
    return undefined;
  });
  return app;
}

describe.each(VERSIONS)("connect to an app of %s", (_version, App) => {
  it("goes through its middleware and resolves with a client's connection", async () => {
    const conn = await connect(chatApp(App), "/private/echo?a=1", {
      headers: { Authorization: "Bearer me" },
      subprotocols: ["v1", "v2"],
    });
    expectTypeOf(conn).toExtend<Conn>();
    expect(conn.subprotocol).toBe("v2");
    expect(conn.response.status).toBe(101);
    expect(conn.response.headers["set-cookie"]).toEqual([
      expect.stringMatching(/^seen=/u),
      expect.stringMatching(/^seen\.sig=/u),
    ]);
    await conn.writeMessage(1, "hello");
    expect((await conn.readMessage()).text()).toBe("hello");
    expect(await conn.close()).toMatchObject({ code: 1000, wasClean: true });
  });

  it.each([
    ["/private/echo", 401, /^application\/json/u, '{"error":"who are you?"}'],
    ["/nowhere", 404, /^text\/plain/u, "Not Found"],
    ["/page", 200, /^text\/plain/u, "a page"],
  ])("rejects with the whole response of %s", async (path, status, type, body) => {
    const refusal = await connect(chatApp(App), path).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(HandshakeError);
    const error = refusal as HandshakeError; // as the line above has found
    expect(error.status).toBe(status);
    expect(error.response?.headers["content-type"]).toMatch(type);
    expect(error.response?.body.toString()).toBe(body);
  });

  it("has the types of the client's side of a contract", async () => {
    await using conn = await connect<typeof chat>(chatApp(App), "/chat");
    await conn.writeJSON({ text: "hi" });
    const answer = await conn.readJSON();
    expectTypeOf(answer).toEqualTypeOf<{ text: string; at: string }>();
    expect(answer).toEqual({ text: "hi", at: "1970-01-01T00:00:00.000Z" });
    // @ts-expect-error -- the contract asks for a text
    await conn.writeJSON({ txt: "hi" });
    expect(await conn.closed).toMatchObject({ code: 1007 });
  });

  it("gives the peer an address", async () => {
    await using conn = await connect(chatApp(App), "/address", { address: "203.0.113.9" });
    expect((await conn.readMessage()).text()).toBe("203.0.113.9");
  });

  it("serves one app to many connections", async () => {
    const app = chatApp(App);
    const conns = await Promise.all(
      Array.from({ length: 20 }, () => connect<typeof chat>(app, "/chat")),
    );
    for (const conn of conns) await conn.writeJSON({ text: "each" });
    for (const conn of conns) expect(await conn.readJSON()).toMatchObject({ text: "each" });
    await Promise.all(conns.map((conn) => conn.close()));
  });

  it("takes a server of the app's own, with the options that it was attached with", async () => {
    const app = chatApp(App);
    const callback = app.callback();
    const server = createServer((request, response) => void callback(request, response));
    const attachment = attach(server, app, { only: ({ url }) => url === "/address" });
    await using conn = await connect(server, "/address");
    expect(attachment.conns.size).toBe(1);
    expect((await conn.readMessage()).text()).toBe("127.0.0.1");
    await expect(connect(server, "/chat")).rejects.toMatchObject({ status: 404 });
    await attachment.close();
    expect(await conn.closed).toMatchObject({ code: 1001 });
  });
});
