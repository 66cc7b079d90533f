/** Builds the behaviour suite's apps as a user of Hono would. */
import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:http2";
import { stripVTControlCharacters } from "node:util";
import { serve, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type {
  AdapterUnderTest,
  AppSpec,
  Refusal,
  RequestView,
  Route,
  SocketRoute,
  Step,
} from "@longwire/testkit";
import { Hono, type Context, type Handler, type MiddlewareHandler } from "hono";
import { logger } from "hono/logger";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { attach, isWebSocketUpgrade, websocket } from "../src/index.ts";

/** Hono on Node: `c.env` holds node's own request and response. */
type NodeEnv = { Bindings: HttpBindings };

function view(c: Context<NodeEnv>): RequestView {
  return { params: c.req.param(), request: c.env.incoming, response: c.env.outgoing };
}

function statusOf({ status }: Refusal): ContentfulStatusCode {
  return status as ContentfulStatusCode; // every refusal of the suite has a body
}

function middlewareOf(step: Step): MiddlewareHandler<NodeEnv> {
  return async (c, next) => {
    const addHeader = (name: string, value: string): void => {
      c.header(name, value, { append: true });
    };
    const returned = step({ ...view(c), addHeader });
    const outcome = returned instanceof Promise ? await returned : returned;
    if (outcome === "answered") return RESPONSE_ALREADY_SENT;
    if (outcome !== undefined) return c.json(outcome.body, statusOf(outcome));
    await next();
    return undefined;
  };
}

function socketHandler(spec: AppSpec, route: SocketRoute): Handler<NodeEnv> {
  const options = { ...route.options, onError: spec.onError };
  if (route.form === "short") {
    return websocket(options, (conn, c: Context<NodeEnv>) => route.handler(conn, view(c)));
  }
  return (c) => {
    if (route.page !== undefined && !isWebSocketUpgrade(c)) return c.text(route.page);
    return websocket(c, options, (conn) => route.handler(conn, view(c)));
  };
}

function addRoutes(spec: AppSpec, app: Hono<NodeEnv>, routes: readonly Route[]): Hono<NodeEnv> {
  for (const route of routes) {
    const steps = (route.steps ?? []).map(middlewareOf);
    const handler: Handler<NodeEnv> =
      route.kind === "socket"
        ? socketHandler(spec, route)
        : async (c) => c.text(await route.answer());
    app.on(route.kind === "http" ? route.method : "GET", [route.path], ...steps, handler);
  }
  return app;
}

function appOf(spec: AppSpec): Hono<NodeEnv> {
  const app = new Hono<NodeEnv>();
  const { around, late } = spec;
  app.onError((error, c) => {
    spec.onError(error);
    return c.json({ error: "internal server error" }, 500);
  });
  app.use(
    logger((line) => {
      const [direction, , url, status] = stripVTControlCharacters(line).split(" ");
      if (direction === "-->" && url !== undefined) spec.onAccess({ url, status: Number(status) });
    }),
  );
  if (around !== undefined) app.use((_c, next) => around(next));
  if (late !== undefined) {
    app.use(async (c, next) => {
      await next();
      late({ addHeader: (name, value) => c.header(name, value, { append: true }) });
    });
  }
  for (const step of spec.steps) app.use(middlewareOf(step));
  addRoutes(spec, app, spec.routes);
  for (const mount of spec.mounts) {
    app.route(mount.prefix, addRoutes(spec, new Hono<NodeEnv>(), mount.routes));
  }
  return app;
}

/** The suite's view of the Hono and node-server that this file imports. */
export function honoUnderTest(name: string): AdapterUnderTest {
  return {
    name,
    differences: {
      acceptedStatusInLog: {
        status: 200,
        because: "hono/logger prints the Response's status, and Fetch has none below 200",
      },
    },
    async start(spec) {
      const app = appOf(spec);
      const place = { fetch: app.fetch, port: 0, hostname: "127.0.0.1" };
      // Of node:http without more options, and one of them in either case.
      const server = (spec.http2 ? serve({ ...place, createServer }) : serve(place)) as Server;
      await once(server, "listening");
      if (spec.attach !== false) attach(server, app, spec.attach);
      return {
        server,
        close: () =>
          new Promise<void>((resolve) => {
            server.close(() => {
              resolve();
            });
          }),
      };
    },
  };
}
