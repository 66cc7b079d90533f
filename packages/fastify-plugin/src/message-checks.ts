/** Checks of a route's messages, made by Fastify's own validator compiler. */

import { checksOf, ValidationError } from "@longwire/engine";
import type { MessageCheck, MessageChecks, Messages, ValidationIssue } from "@longwire/engine";
import type {
  FastifyInstance,
  FastifyRequest,
  FastifySchema,
  FastifySchemaValidationError,
  RouteOptions,
} from "fastify";
import type { MessageSchemas } from "./types.ts";

/** What a validator compiler makes: Ajv's functions, or those of zod, TypeBox and Joi. */
interface Validator {
  (value: unknown, context?: object): unknown;
  readonly errors?: unknown;
}

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
  compileEarly(app, route, schemas);
  let checks: MessageChecks | undefined;
  return (request) => {
    const compile = (schema: unknown): Validator =>
      request.compileValidationSchema(schema as object, "body"); // whatever the compiler takes for a schema
    return (checks ??= {
      incoming:
        schemas.incoming === undefined ? undefined : checkIncoming(compile(schemas.incoming)),
      outgoing:
        schemas.outgoing === undefined ? undefined : checkOutgoing(compile(schemas.outgoing)),
    });
  };
}

/** Gives the schemas to Fastify as those of bodies with content types that no request has. */
function compileEarly(app: FastifyInstance, route: RouteOptions, schemas: MessageSchemas): void {
  const content = Object.entries(schemas).map(([name, schema]) => [
    `WebSocket ${name}`,
    { schema },
  ]);
  const schema: FastifySchema = { ...route.schema, body: { content: Object.fromEntries(content) } };
  route.schema = schema;
  app.addHook("onReady", async () => {
    delete schema.body; // nobody who lists routes, as @fastify/swagger does, shall find it
  });
}

function checkIncoming(validate: Validator): MessageCheck<unknown> {
  return (value) => checked(validate, value);
}

/** What goes out is checked as the peer will read it, and Ajv's coercions must not change the caller's object. */
function checkOutgoing(validate: Validator): MessageCheck<unknown> {
  if (!isAjv(validate)) return checkIncoming(validate);
  return (value) => {
    const json = JSON.stringify(value) as string | undefined; // undefined for what JSON cannot express
    return json === undefined ? value : checked(validate, JSON.parse(json));
  };
}

/** Ajv changes values in place, and a value without a parent not at all. Fastify tells it by the same mark. */
function isAjv(validate: Validator): boolean {
  return "schemaEnv" in validate;
}

function checked(validate: Validator, value: unknown): unknown {
  const holder = { value };
  const result = isAjv(validate)
    ? validate(value, { parentData: holder, parentDataProperty: "value" })
    : validate(value);
  if (result === false) throw new ValidationError(issuesOf(validate.errors));
  if (typeof result !== "object" || result === null) return holder.value;
  if ("then" in result) {
    throw new TypeError("a schema of messages must not wait: messages are checked in order");
  }
  if ("error" in result && Boolean(result.error)) {
    throw new ValidationError(issuesOf(result.error), { cause: result.error });
  }
  return "value" in result ? result.value : value;
}

/** Ajv, TypeBox and zod's provider say `instancePath`, a JSON pointer; other validators throw one Error. */
function issuesOf(errors: unknown): ValidationIssue[] {
  return [errors].flat().map((error: unknown) => {
    const { message = "is invalid", instancePath = "" } =
      error as Partial<FastifySchemaValidationError>; // what is missing has a default
    const path = instancePath.split("/").slice(1);
    return { message, path: path.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")) };
  });
}
