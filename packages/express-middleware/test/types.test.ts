/** What a handler knows of its request and its messages, at compile time. */
import type { Conn } from "@longwire/engine";
import express, { Router, type RequestHandler } from "express";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { websocket } from "../src/index.ts";

const messages = {
  incoming: z.object({ text: z.string() }),
  outgoing: z.object({ text: z.string(), at: z.date() }),
};

const requireUser: RequestHandler = (_request, _response, next) => next();

describe("types", () => {
  it("carry the params of the path into the call form", () => {
    const app = express();
    app.get("/chat/:room", (req) =>
      websocket(req, (conn, request) => {
        expectTypeOf(request.params.room).toEqualTypeOf<string>();
        expectTypeOf(req.params.room).toEqualTypeOf<string>();
        expectTypeOf(conn).toEqualTypeOf<Conn>();
      }),
    );
    expect(app).toBeTypeOf("function");
  });

  it("carry the params of the path into the short form, on apps and routers, behind guards", () => {
    const app = express();
    app.get(
      "/chat/:room",
      websocket((_conn, req) => expectTypeOf(req.params.room).toEqualTypeOf<string>()),
    );
    app.get(
      "/chat/:room/:seat",
      requireUser,
      websocket((_conn, req) => expectTypeOf(req.params.seat).toEqualTypeOf<string>()),
    );
    Router().get(
      "/:room",
      requireUser,
      requireUser,
      websocket({ messages }, (_conn, req) =>
        expectTypeOf(req.params.room).toEqualTypeOf<string>(),
      ),
    );
    app.get(
      "/chat/:room",
      // @ts-expect-error -- there is no such parameter
      websocket((_conn, req) => req.params.seat),
    );
    expect(app).toBeTypeOf("function");
  });

  it("carry the messages' schemas into Conn", () => {
    const app = express();
    app.get(
      "/",
      websocket({ messages }, async (conn) => {
        expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ text: string }>();
        await conn.writeJSON({ text: "", at: new Date() });
        // @ts-expect-error -- `at` is missing
        await conn.writeJSON({ text: "" });
      }),
    );
    expect(app).toBeTypeOf("function");
  });
});
