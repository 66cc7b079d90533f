/** The helper that users test their apps with: `connect` of @longwire/hono/testing. */
import { createServer } from "node:http";
import { connect } from "@longwire/hono/testing";
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { setCookie } from "hono/cookie";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { attach, HandshakeError, websocket, type Conn, type Messages } from "../src/index.ts";

const chat = {
  incoming: z.object({ text: z.string() }),
  outgoing: z.object({ text: z.string(), at: z.date() }),
} satisfies Messages;

function chatApp(): Hono {
  const app = new Hono();
  app.use("/private/*", bearerAuth({ token: "let-me-in" }));
  app.get("/private/echo", async (c) => {
    setCookie(c, "seen", "yes");
    return websocket(c, { subprotocols: ["v2"] }, async (conn) => {
      for await (const message of conn) await conn.writeMessage(message.type, message.data);
    });
  });
  app.get(
    "/chat",
    websocket({ messages: chat }, async (conn) => {
      for await (const { text } of conn.json()) await conn.writeJSON({ text, at: new Date(0) });
    }),
  );
  app.get("/page", (c) => c.text("a page"));
  return app;
}

describe("connect", () => {
  it("goes through the app's middleware and resolves with a client's connection", async () => {
    const conn = await connect(chatApp(), "/private/echo?a=1", {
      headers: { Authorization: "Bearer let-me-in" },
      subprotocols: ["v1", "v2"],
    });
    expectTypeOf(conn).toExtend<Conn>();
    expect(conn.subprotocol).toBe("v2");
    expect(conn.response.headers["set-cookie"]).toEqual(["seen=yes; Path=/"]);
    await conn.writeMessage(1, "hello");
    expect((await conn.readMessage()).text()).toBe("hello");
    expect(await conn.close()).toMatchObject({ code: 1000, wasClean: true });
  });

  it.each([
    ["/private/echo", 401, "Unauthorized"],
    ["/nowhere", 404, "404 Not Found"],
    ["/page", 200, "a page"],
  ])("rejects with the whole response of %s", async (path, status, body) => {
    const refusal = await connect(chatApp(), path).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(HandshakeError);
    const error = refusal as HandshakeError; // as the line above has found
    expect(error.status).toBe(status);
    expect(error.response?.body.toString()).toBe(body);
    expect(error.response?.headers["content-type"]).toMatch(/^text\/plain/iu);
  });

  it("has the types of the client's side of a contract", async () => {
    await using conn = await connect<typeof chat>(chatApp(), "/chat");
    await conn.writeJSON({ text: "hi" });
    const answer = await conn.readJSON();
    expectTypeOf(answer).toEqualTypeOf<{ text: string; at: string }>();
    expect(answer).toEqual({ text: "hi", at: "1970-01-01T00:00:00.000Z" });
    // @ts-expect-error -- the contract asks for a text
    await conn.writeJSON({ txt: "hi" });
    expect(await conn.closed).toMatchObject({ code: 1007 });
  });

  it("takes a server that has been attached, with its own options", async () => {
    const app = chatApp();
    const server = createServer();
    const attachment = attach(server, app);
    await using conn = await connect(server, "/chat");
    expect(attachment.conns.size).toBe(1);
    await Promise.all([attachment.close({ code: 1012 }), conn.discard()]);
    expect(await conn.closed).toMatchObject({ code: 1012, wasClean: true });
  });

  it("serves one app to many connections, on one server", async () => {
    const app = chatApp();
    const conns = await Promise.all(
      Array.from({ length: 20 }, () => connect<typeof chat>(app, "/chat")),
    );
    for (const conn of conns) await conn.writeJSON({ text: "each" });
    for (const conn of conns) expect(await conn.readJSON()).toMatchObject({ text: "each" });
    await Promise.all(conns.map((conn) => conn.close()));
  });
});
