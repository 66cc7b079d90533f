/** What a handler knows of its context and its messages, at compile time. */
import Router, { type RouterContext, type RouterMiddleware } from "@koa/router";
import type { Conn } from "@longwire/engine";
import Koa, { type ParameterizedContext } from "koa";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { upgrades, websocket } from "../src/index.ts";

interface State {
  user: { name: string };
}

const requireUser: RouterMiddleware<State> = (_ctx, next) => next();

const messages = {
  incoming: z.object({ text: z.string() }),
  outgoing: z.object({ text: z.string(), at: z.date() }),
};

describe("types", () => {
  it("carry state and params into the call form", () => {
    const app = new Koa<State>();
    const router = new Router<State>();
    router.get("/chat/:room", (ctx) =>
      websocket(ctx, (conn, { params, state }) => {
        expectTypeOf(params["room"]).toEqualTypeOf<string | undefined>();
        expectTypeOf(state.user.name).toEqualTypeOf<string>();
        expectTypeOf(conn).toEqualTypeOf<Conn>();
      }),
    );
    app.use((ctx) =>
      websocket(ctx, (_conn, { state }) => expectTypeOf(state.user.name).toEqualTypeOf<string>()),
    );
    expect(app.middleware).toHaveLength(1);
  });

  it("take the context's type by name in the short form", () => {
    const app = new Koa<State>();
    app.use(
      websocket((conn, ctx: ParameterizedContext<State>) => {
        expectTypeOf(conn).toEqualTypeOf<Conn>();
        expectTypeOf(ctx.state.user.name).toEqualTypeOf<string>();
      }),
    );
    const router = new Router<State>();
    router.get(
      "/chat/:room",
      requireUser,
      websocket({ readLimit: 1_000 }, (_conn, ctx: RouterContext<State>) => {
        expectTypeOf(ctx.params["room"]).toEqualTypeOf<string | undefined>();
        expectTypeOf(ctx.state.user.name).toEqualTypeOf<string>();
        // @ts-expect-error -- there is no such state
        void ctx.state.users;
      }),
    );
    expect(app.middleware).toHaveLength(1);
  });

  it("carry the messages' schemas into Conn in both forms", () => {
    const router = new Router();
    router.get("/a", (ctx) =>
      websocket(ctx, { messages }, async (conn) => {
        expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ text: string }>();
      }),
    );
    router.get(
      "/b",
      websocket({ messages }, async (conn) => {
        await conn.writeJSON({ text: "", at: new Date() });
        // @ts-expect-error -- `at` is missing
        await conn.writeJSON({ text: "" });
      }),
    );
    expect(router.stack).toHaveLength(2);
  });

  it("know ctx.upgrade and ctx.isUpgrade", () => {
    const app = new Koa();
    app.use(upgrades());
    app.use(async (ctx, next) => {
      expectTypeOf(ctx.isUpgrade).toEqualTypeOf<boolean>();
      expectTypeOf(() => ctx.upgrade()).returns.resolves.toEqualTypeOf<Conn>();
      await next();
    });
    expect(app.middleware).toHaveLength(2);
  });
});
