/** Builds the behaviour suite's apps in Fastify, as one of its users would write them. */
import type { Server } from "node:http";
import type { AdapterUnderTest, AppSpec, RequestView, Route, Step } from "@longwire/testkit";
import { websocket } from "@longwire/fastify";
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** The factory of the Fastify to test: each copy of it brings its own. */
export type FastifyFactory = (options: {
  http2?: boolean;
  loggerInstance: FastifyBaseLogger;
  forceCloseConnections?: boolean | "idle";
}) => FastifyInstance;

/** Fastify's own error handler, and the plugin behind the 101, log errors: this logger passes them on as objects. */
function errorLogger(onError: (error: unknown) => void): FastifyBaseLogger {
  const nothing = (): void => {};
  const logger: FastifyBaseLogger = {
    level: "error",
    trace: nothing,
    debug: nothing,
    info: nothing,
    warn: nothing,
    fatal: nothing,
    silent: nothing,
    error: (line: unknown) => onError((line as { err: unknown }).err), // the shape of all errors in Fastify's log
    child: () => logger,
  };
  return logger;
}

function view(request: FastifyRequest, reply: FastifyReply): RequestView {
  const params = request.params as Record<string, string>; // Fastify leaves them open without a schema
  return { params, request: request.raw, response: reply.raw };
}

function hook(step: Step): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  return async (request, reply) => {
    const addHeader = (name: string, value: string): void => void reply.header(name, value);
    const outcome = await step({ ...view(request, reply), addHeader });
    if (outcome === undefined) return undefined;
    if (outcome === "answered") return reply;
    return reply.code(outcome.status).send(outcome.body);
  };
}

function add(app: FastifyInstance, route: Route): void {
  const preHandler = (route.steps ?? []).map((step) => hook(step));
  const { path: url } = route;
  if (route.kind === "http") {
    app.route({ method: route.method, url, preHandler, handler: async () => route.answer() });
    return;
  }
  // The suite's handlers see params and the raw messages; the reply is what they misuse on purpose.
  const replies = new WeakMap<FastifyRequest, FastifyReply>();
  const remember = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    replies.set(request, reply);
  };
  const onRequest = [remember];
  const wsHandler = (conn: Parameters<typeof route.handler>[0], request: FastifyRequest): unknown =>
    route.handler(conn, view(request, replies.get(request)!)); // every request has passed onRequest
  if (route.page !== undefined) {
    const handler = async (): Promise<string> => route.page!; // checked on the line above
    const socket = route.options ?? true;
    app.route({ method: "GET", url, onRequest, preHandler, websocket: socket, handler, wsHandler });
  } else if (route.form === "call") {
    app.websocket(url, { onRequest, preHandler, ...route.options }, wsHandler);
  } else {
    app.get(url, { onRequest, preHandler, websocket: route.options ?? true }, wsHandler);
  }
}

async function build(fastify: FastifyFactory, spec: AppSpec): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: errorLogger(spec.onError),
    // An HTTP/2 server closes its idle sessions by itself.
    ...(spec.http2 ? { http2: true } : { forceCloseConnections: "idle" }),
  });
  const { around, late } = spec;
  await app.register(websocket, spec.attach === false ? {} : spec.attach);
  if (around !== undefined) app.addHook("onRequest", (_request, _reply, done) => around(done));
  for (const step of spec.steps) app.addHook("onRequest", hook(step));
  if (late !== undefined) {
    app.addHook("onSend", async (_request, reply) => {
      late({ addHeader: (name, value) => void reply.header(name, value) });
    });
  }
  app.addHook("onResponse", async (request, reply) => {
    spec.onAccess({ url: request.url, status: reply.statusCode });
  });
  for (const route of spec.routes) add(app, route);
  for (const { prefix, routes } of spec.mounts) {
    app.register(
      async (inner) => {
        for (const route of routes) add(inner, route);
      },
      { prefix },
    );
  }
  return app;
}

export function fastifyUnderTest(name: string, fastify: FastifyFactory): AdapterUnderTest {
  return {
    name,
    differences: { attachesItself: { because: "the plugin attaches the server of its instance" } },
    async start(spec) {
      const app = await build(fastify, spec);
      await app.listen({ port: 0, host: "127.0.0.1" });
      const server: Server = app.server;
      return { server, close: () => app.close().then(() => {}) };
    },
  };
}
