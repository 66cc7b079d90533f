/** What a registration of the plugin gives to the routes of its scope, and to the scopes below. */

import { Upgrader } from "@longwire/engine";
import type { FastifyInstance } from "fastify";
import type { SocketErrorHandler, WebSocketPluginOptions } from "./types.ts";

/** The defaults of the routes, and the limits that they share. */
export interface Scope {
  readonly upgrader: Upgrader;
  readonly errorHandler: SocketErrorHandler;
}

const SCOPE = Symbol("@longwire/fastify");

/** What else an object of options for `register` has: the plugin's, and Fastify's own. */
const NOT_OF_ROUTES: readonly string[] = [
  "only",
  "drainTimeout",
  "errorHandler",
  "prefix",
  "logLevel",
  "logSerializers",
];

/** The scope of an instance: its own, or the nearest around it. */
export function scopeOf(app: FastifyInstance): Scope | undefined {
  return Reflect.get(app, SCOPE) as Scope | undefined; // nobody else has the symbol
}

/** Opens a scope for an instance. @throws when it has one already, or an option is wrong. */
export function enterScope(app: FastifyInstance, options: WebSocketPluginOptions): void {
  const outer = scopeOf(app);
  // A line about a refused origin belongs in the application's log.
  const warn = outer === undefined ? (line: string) => app.log.warn(line) : undefined;
  const own: Record<string, unknown> = { ...options, warn: options.warn ?? warn };
  for (const name of NOT_OF_ROUTES) delete own[name];
  const scope: Scope = {
    upgrader: new Upgrader(own, outer?.upgrader),
    errorHandler: options.errorHandler ?? outer?.errorHandler ?? logError,
  };
  app.decorate<unknown>(SCOPE, scope);
}

const logError: SocketErrorHandler = (err, _conn, request) => {
  request.log.error({ err }, "WebSocket handler failed");
};
