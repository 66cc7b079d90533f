/** Builds the behaviour suite's apps on Koa, as a user of it would write them. */
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import Router from "@koa/router";
import { isWebSocketUpgrade } from "@longwire/engine";
import type { AdapterUnderTest, Route, SocketRoute, Step } from "@longwire/testkit";
import { nextEvent } from "@longwire/testkit";
import type Koa from "koa";
import type { Context, Middleware } from "koa";
import { attach, websocket } from "../src/index.ts";

type RoutedContext = Context & { readonly params?: Record<string, string> };

function viewOf(ctx: RoutedContext) {
  return { params: ctx.params ?? {}, request: ctx.req, response: ctx.res };
}

function middleware(step: Step): Middleware {
  return async (ctx, next) => {
    const addHeader = (name: string, value: string): void => ctx.append(name, value);
    const refusal = await step({ ...viewOf(ctx), addHeader });
    if (refusal === undefined) return next();
    if (refusal === "answered") {
      ctx.respond = false;
      return undefined;
    }
    ctx.status = refusal.status;
    ctx.body = refusal.body;
    return undefined;
  };
}

function socketMiddleware(route: SocketRoute): Middleware {
  const { options = {}, handler, page } = route;
  if (route.form === "short") return websocket(options, (conn, ctx) => handler(conn, viewOf(ctx)));
  return (ctx) => {
    if (page !== undefined && !isWebSocketUpgrade(ctx.req)) {
      ctx.body = page;
      return undefined;
    }
    return websocket(ctx, options, (conn) => handler(conn, viewOf(ctx)));
  };
}

function addRoutes(router: Router, routes: readonly Route[]): void {
  for (const route of routes) {
    const steps = (route.steps ?? []).map(middleware);
    if (route.kind === "socket") router.get(route.path, ...steps, socketMiddleware(route));
    else {
      const answer: Middleware = async (ctx) => {
        ctx.body = await route.answer();
      };
      if (route.method === "GET") router.get(route.path, ...steps, answer);
      else router.post(route.path, ...steps, answer);
    }
  }
}

export function koaUnderTest(name: string, KoaClass: typeof Koa): AdapterUnderTest {
  return {
    name,
    async start(spec) {
      const app = new KoaClass();
      app.on("error", (error: unknown) => spec.onError(error));
      app.use(async (ctx, next) => {
        ctx.res.on("finish", () =>
          spec.onAccess({ url: ctx.originalUrl, status: ctx.res.statusCode }),
        );
        await next();
      });
      const { around, late } = spec;
      if (around !== undefined) app.use((_ctx, next) => around(next));
      if (late !== undefined) {
        app.use(async (ctx, next) => {
          await next();
          late({ addHeader: (name, value) => ctx.append(name, value) });
        });
      }
      for (const step of spec.steps) app.use(middleware(step));
      const router = new Router();
      addRoutes(router, spec.routes);
      for (const { prefix, routes } of spec.mounts) {
        const mounted = new Router({ prefix });
        addRoutes(mounted, routes);
        router.use(mounted.routes());
      }
      app.use(router.routes());
      app.use((ctx) => {
        ctx.status = 404;
        ctx.body = { error: "not found" };
      });
      const answer = app.callback();
      const server = spec.http2
        ? createHttp2Server((request, response) => void answer(request as never, response as never))
        : createServer((request, response) => void answer(request, response));
      server.listen(0, "127.0.0.1");
      await nextEvent(server, "listening");
      if (spec.attach !== false) attach(server, app, spec.attach);
      return {
        server,
        close: () =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
          }),
      };
    },
  };
}
