/** Builds the behaviour suite's apps on Express, as a user of it would write them. */
import http from "node:http";
import { createServer } from "node:http2";
import type { Application, NextFunction, Request, RequestHandler, Response, Router } from "express";
import { isWebSocketUpgrade } from "@longwire/engine";
import type { AdapterUnderTest, Differences, Route, SocketRoute, Step } from "@longwire/testkit";
import { nextEvent } from "@longwire/testkit";
import morgan from "morgan";
import { attach, http2Listener, websocket } from "../src/index.ts";

/** What both versions of Express export. */
export interface ExpressModule {
  (): Application;
  Router(): Router;
}

function viewOf(request: Request, response: Response) {
  return { params: request.params as Record<string, string>, request, response };
}

/** @param silent - A rejected promise is nobody's, as Express 4 has it. Node would end the process. */
function middleware(step: Step, silent: boolean): RequestHandler {
  return (request, response, next) => {
    const addHeader = (name: string, value: string): void => {
      response.append(name, value);
    };
    const outcome = step({ ...viewOf(request, response), addHeader });
    const go = (refusal: Awaited<typeof outcome>): void => {
      if (refusal === undefined) next();
      else if (refusal !== "answered") response.status(refusal.status).json(refusal.body);
    };
    if (outcome instanceof Promise)
      return silent ? outcome.then(go).catch(() => {}) : outcome.then(go);
    go(outcome);
    return undefined;
  };
}

function socketHandler(route: SocketRoute): RequestHandler {
  const { options = {}, handler, page } = route;
  if (route.form === "short") {
    return websocket(options, (conn, request) => handler(conn, viewOf(request, request.res!))); // set by Express
  }
  return (request, response) => {
    if (page !== undefined && !isWebSocketUpgrade(request)) {
      response.send(page);
      return undefined;
    }
    return websocket(request, options, (conn) => handler(conn, viewOf(request, response)));
  };
}

function addRoutes(router: Router, routes: readonly Route[], silent: boolean): void {
  for (const route of routes) {
    const steps = (route.steps ?? []).map((step) => middleware(step, silent));
    if (route.kind === "socket") router.get(route.path, steps, socketHandler(route));
    else {
      const answer: RequestHandler = async (_request, response) => {
        response.send(await route.answer());
      };
      if (route.method === "GET") router.get(route.path, steps, answer);
      else router.post(route.path, steps, answer);
    }
  }
}

export function expressUnderTest(
  name: string,
  express: ExpressModule,
  differences: Differences,
): AdapterUnderTest {
  return {
    name,
    differences,
    async start(spec) {
      const app = express();
      app.use(
        morgan((_tokens, request, response) => {
          spec.onAccess({ url: request.url ?? "", status: response.statusCode });
          return undefined;
        }),
      );
      const silent = differences.rejectedStepIsSilent !== undefined;
      const { around } = spec;
      if (around !== undefined) app.use((_request, _response, next) => around(() => next()));
      for (const step of spec.steps) app.use(middleware(step, silent));
      addRoutes(app, spec.routes, silent);
      for (const { prefix, routes } of spec.mounts) {
        const router = express.Router();
        addRoutes(router, routes, silent);
        app.use(prefix, router);
      }
      app.use((_request: Request, response: Response) => {
        response.status(404).json({ error: "not found" });
      });
      app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
        spec.onError(error);
        if (response.headersSent) next(error);
        else response.status(500).json({ error: "internal server error" });
      });
      app.set("env", "test"); // finalhandler prints errors otherwise
      const server = spec.http2 ? createServer(http2Listener(app)) : http.createServer(app);
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
