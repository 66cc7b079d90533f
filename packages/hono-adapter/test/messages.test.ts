/** The message contract of a route: what it infers, what it lets through, what becomes of the rest. */
import { connect } from "@longwire/hono/testing";
import { messageBehaviour } from "@longwire/testkit";
import { type } from "arktype";
import { Hono } from "hono";
import * as v from "valibot";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { z } from "zod";
import { websocket, type Conn, type Messages } from "../src/index.ts";

/** The client sends numbers as text, and is told a sum and when it was made. */
const contracts = {
  zod: {
    incoming: z.object({ add: z.string().transform(Number) }),
    outgoing: z.object({ sum: z.number(), at: z.date() }),
  },
  valibot: {
    incoming: v.object({ add: v.pipe(v.string(), v.transform(Number)) }),
    outgoing: v.object({ sum: v.number(), at: v.date() }),
  },
  arktype: {
    incoming: type({ add: "string.numeric.parse" }),
    outgoing: type({ sum: "number", at: "Date" }),
  },
} satisfies Record<string, Messages>;

interface Add {
  add: number;
}
interface Sum {
  sum: number;
  at: Date;
}

messageBehaviour(contracts, async ({ messages, handler, onError }) => {
  const app = new Hono();
  app.get("/", websocket({ messages, onError }, handler));
  const conn = await connect(app, "/");
  onTestFinished(async () => {
    await conn.close();
  });
  return conn;
});

describe("types", () => {
  it("of the handler's connection are those of the schemas, whatever the library", () => {
    const app = new Hono();
    app.get("/zod", (c) =>
      websocket(c, { messages: contracts.zod }, (conn) => {
        expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
      }),
    );
    app.get("/valibot", (c) =>
      websocket(c, { messages: contracts.valibot }, (conn) => {
        expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
      }),
    );
    app.get("/arktype", (c) =>
      websocket(c, { messages: contracts.arktype }, (conn) => {
        expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
      }),
    );
    app.get(
      "/short",
      websocket(
        {
          messages: contracts.zod,
          onError: (_error, conn) => expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>(),
        },
        (conn) => {
          expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
        },
      ),
    );
    app.get("/inline", (c) =>
      websocket(c, { messages: { incoming: z.literal("go") } }, async (conn) => {
        expectTypeOf(await conn.readJSON()).toEqualTypeOf<"go">();
        expectTypeOf(conn).toEqualTypeOf<Conn<"go">>();
      }),
    );
    expect(app.routes).toHaveLength(5);
  });

  it("refuse a wrong outgoing value", () => {
    const app = new Hono();
    app.get("/", (c) =>
      websocket(c, { messages: contracts.zod }, async (conn) => {
        // @ts-expect-error -- the sum is a number
        await conn.writeJSON({ sum: "5", at: new Date() });
        // @ts-expect-error -- the date is missing
        await conn.writeJSON({ sum: 5 });
      }),
    );
    expect(app.routes).toHaveLength(1);
  });
});
