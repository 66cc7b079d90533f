/** The message contract of a route: what it infers, and what it does with each library's schemas. */
import { connect } from "@longwire/koa/testing";
import { messageBehaviour } from "@longwire/testkit";
import { type } from "arktype";
import Koa from "koa";
import * as v from "valibot";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { z } from "zod";
import {
  websocket,
  type ClientIn,
  type ClientOut,
  type Conn,
  type Messages,
} from "../src/index.ts";

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
  const app = new Koa();
  app.use(websocket({ messages, onError }, handler));
  const conn = await connect(app, "/");
  onTestFinished(async () => {
    await conn.close();
  });
  return conn;
});

describe("types", () => {
  it("of the handler's connection are those of the schemas, whatever the library", () => {
    const app = new Koa<{ user: string }>();
    app.use((ctx) =>
      websocket(ctx, { messages: contracts.zod }, (conn, { state }) => {
        expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
        expectTypeOf(state.user).toEqualTypeOf<string>();
      }),
    );
    app.use(
      websocket({ messages: contracts.valibot }, (conn) => {
        expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
      }),
    );
    app.use(
      websocket(
        {
          messages: contracts.arktype,
          onError: (_error, conn) => expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>(),
        },
        (conn) => {
          expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
        },
      ),
    );
    app.use((ctx) =>
      websocket(ctx, { messages: { incoming: z.literal("go") } }, async (conn) => {
        expectTypeOf(await conn.readJSON()).toEqualTypeOf<"go">();
        expectTypeOf(conn).toEqualTypeOf<Conn<"go">>();
      }),
    );
    expect(app.middleware).toHaveLength(4);
  });

  it("refuse a wrong outgoing value", () => {
    const app = new Koa();
    app.use((ctx) =>
      websocket(ctx, { messages: contracts.zod }, async (conn) => {
        // @ts-expect-error -- the sum is a number
        await conn.writeJSON({ sum: "5", at: new Date() });
        // @ts-expect-error -- the date is missing
        await conn.writeJSON({ sum: 5 });
      }),
    );
    expect(app.middleware).toHaveLength(1);
  });

  it("of the other side are what JSON leaves of them", () => {
    type Contract = typeof contracts.zod;
    expectTypeOf<ClientOut<Contract>>().toEqualTypeOf<{ add: string }>();
    expectTypeOf<ClientIn<Contract>>().toEqualTypeOf<{ sum: number; at: string }>();
    expect(contracts.zod).toBeTypeOf("object");
  });
});
