/** Builds the behaviour suite's apps on node:http alone: the smallest framework that can pass it. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import {
  attach,
  decideUpgrade,
  isWebSocketUpgrade,
  Upgrader,
  type RouteSession,
} from "@longwire/engine";
import type {
  AdapterUnderTest,
  AppSpec,
  RequestView,
  Route,
  SocketRoute,
  Step,
} from "../src/adapter-under-test.ts";
import { nextEvent } from "../src/wait.ts";

interface CompiledRoute {
  readonly method: string;
  readonly pattern: RegExp;
  readonly route: Route;
  /** One for all requests of the route: it counts their connections. */
  readonly upgrader: Upgrader;
}

function compile(prefix: string, route: Route): CompiledRoute {
  const source = (prefix + route.path).replaceAll(/:(\w+)/gu, "(?<$1>[^/]+)");
  const method = route.kind === "http" ? route.method : "GET";
  const upgrader = new Upgrader(route.kind === "socket" ? route.options : {});
  return { method, pattern: new RegExp(`^${source}$`, "u"), route, upgrader };
}

function decoded(groups: Record<string, string>): Record<string, string> {
  const pairs = Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]);
  return Object.fromEntries(pairs) as Record<string, string>; // fromEntries forgets the value's type
}

function sendJSON(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/** Runs the steps one after the other; false: one of them has answered. */
async function passes(steps: readonly Step[], view: RequestView): Promise<boolean> {
  const { response } = view;
  const addHeader = (name: string, value: string): void => {
    response.appendHeader(name, value);
  };
  for (const step of steps) {
    const outcome = await step({ ...view, addHeader });
    if (outcome === undefined) continue;
    if (outcome !== "answered") sendJSON(response, outcome.status, outcome.body);
    return false;
  }
  return true;
}

async function serveSocket(
  spec: AppSpec,
  route: SocketRoute,
  upgrader: Upgrader,
  view: RequestView,
): Promise<void> {
  const { request, response } = view;
  if (route.page !== undefined && !isWebSocketUpgrade(request)) {
    response.end(route.page);
    return;
  }
  const session: RouteSession = {
    upgrader,
    handler: (conn) => route.handler(conn, view),
    onError: spec.onError,
  };
  const decision = await decideUpgrade(request, session);
  response.statusCode = decision.status;
  for (const [name, value] of decision.headers) response.setHeader(name, value);
  spec.late?.({ addHeader: (name, value) => void response.appendHeader(name, value) });
  response.end(decision.body);
}

async function serve(
  spec: AppSpec,
  routes: readonly CompiledRoute[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on("finish", () => {
    spec.onAccess({ url: request.url ?? "", status: response.statusCode });
  });
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const found = routes.find(
    ({ method, pattern }) => method === request.method && pattern.test(path),
  );
  const params = decoded(found?.pattern.exec(path)?.groups ?? {});
  const view: RequestView = { params, request, response };
  if (!(await passes([...spec.steps, ...(found?.route.steps ?? [])], view))) return;
  if (found === undefined) sendJSON(response, 404, { error: "not found" });
  else if (found.route.kind === "socket") {
    await serveSocket(spec, found.route, found.upgrader, view);
  } else response.end(await found.route.answer());
}

export const engineUnderTest: AdapterUnderTest = {
  name: "node:http",
  async start(spec) {
    const groups = [{ prefix: "", routes: spec.routes }, ...spec.mounts];
    const routes = groups.flatMap(({ prefix, routes: own }) =>
      own.map((route) => compile(prefix, route)),
    );
    const app = (request: IncomingMessage, response: ServerResponse): void => {
      const run = (): void => {
        serve(spec, routes, request, response).catch((error: unknown) => {
          spec.onError(error);
          if (!response.headersSent) sendJSON(response, 500, { error: "internal server error" });
        });
      };
      if (spec.around === undefined) run();
      else spec.around(run);
    };
    // An ordinary request of HTTP/2 has what this app asks of one of HTTP/1.1.
    const server = spec.http2 ? createHttp2Server(app as never) : createServer(app);
    server.listen(0, "127.0.0.1");
    await nextEvent(server, "listening");
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
