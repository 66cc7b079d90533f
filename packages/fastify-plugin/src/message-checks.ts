/** Checks of a route's messages, made by Fastify's own validator compiler. */

import { checkContractNames, checksByValidators, checksOf } from "@longwire/engine";
import type { MessageChecks, Messages, Validator } from "@longwire/engine";
import type { FastifyInstance, FastifyRequest, FastifySchema, RouteOptions } from "fastify";
import type { MessageSchemas } from "./types.ts";

/**
 * Prepares the checks of a route. Fastify compiles the schemas with the others of the route, so that one that is wrong
 * stops the application before it is ready, and its shared schemas are there.
 *
 * @throws TypeError when both ways of giving schemas are used, or a schema does not follow the Standard Schema convention.
 */
export function routeChecks(
  app: FastifyInstance,
  route: RouteOptions,
  messages: Messages | undefined,
): (request: FastifyRequest) => MessageChecks {
  const schemas = route.schema?.messages;
  if (schemas === undefined) {
    const checks = checksOf(messages ?? {});
    return () => checks;
  }
  if (messages !== undefined) {
    throw new TypeError("a route has schema.messages or the option messages, not both");
  }
  checkContractNames(schemas);
  compileEarly(app, route, schemas);
  let checks: MessageChecks | undefined;
  return (request) => {
    const compile = (schema: unknown): Validator | undefined =>
      // Whatever the compiler takes for a schema. "body": what has been parsed is not to be converted from text.
      schema === undefined ? undefined : request.compileValidationSchema(schema as object, "body");
    const { incoming, outgoing } = schemas;
    return (checks ??= checksByValidators({
      incoming: compile(incoming),
      outgoing: compile(outgoing),
    }));
  };
}

/** Gives the schemas to Fastify as those of bodies with content types that no request has. */
function compileEarly(app: FastifyInstance, route: RouteOptions, schemas: MessageSchemas): void {
  const content = Object.entries(schemas)
    .filter(([, schema]) => schema !== undefined)
    .map(([name, schema]) => [`WebSocket; ${name}`, { schema }]);
  const schema: FastifySchema = { ...route.schema, body: { content: Object.fromEntries(content) } };
  route.schema = schema;
  app.addHook("onReady", async () => {
    delete schema.body; // nobody who lists routes, as @fastify/swagger does, shall find it
  });
}
