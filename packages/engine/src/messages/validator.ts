/** Checks of messages by validator functions: those of Ajv, and those that Fastify's validator compilers make. */

import { ValidationError } from "../errors.ts";
import type { ValidationIssue } from "../errors.ts";
import type { MessageChecks } from "./contract.ts";
import type { MessageCheck } from "./message.ts";

/**
 * Gives false and leaves `errors`, as Ajv's functions do, or gives `{ error }` or `{ value }`, as Fastify lets the
 * compilers of zod, TypeBox and Joi do. It must not wait.
 */
export interface Validator {
  (value: unknown, context?: object): unknown;
  readonly errors?: unknown;
}

/** Makes the checks of a contract whose schemas have been compiled. */
export function checksByValidators(validators: {
  readonly incoming?: Validator | undefined;
  readonly outgoing?: Validator | undefined;
}): MessageChecks {
  const { incoming, outgoing } = validators;
  return {
    incoming: incoming === undefined ? undefined : checkIncoming(incoming),
    outgoing: outgoing === undefined ? undefined : checkOutgoing(outgoing),
  };
}

function checkIncoming(validate: Validator): MessageCheck<unknown> {
  return (value) => checked(validate, value);
}

/** Ajv's coercions must not change the caller's object, and what the peer will read is what JSON makes of it. */
function checkOutgoing(validate: Validator): MessageCheck<unknown> {
  if (!isAjv(validate)) return checkIncoming(validate);
  return (value) => {
    const json = JSON.stringify(value) as string | undefined; // undefined for what JSON cannot express
    return json === undefined ? value : checked(validate, JSON.parse(json));
  };
}

/** Ajv changes values in place, and for that needs the place. Fastify tells its functions by the same mark. */
function isAjv(validate: Validator): boolean {
  return "schemaEnv" in validate;
}

function checked(validate: Validator, value: unknown): unknown {
  const place = { value };
  const result = isAjv(validate)
    ? validate(value, { parentData: place, parentDataProperty: "value" })
    : validate(value);
  if (result === false) throw new ValidationError(issuesOf(validate.errors));
  if (typeof result !== "object" || result === null) return place.value;
  if ("then" in result) {
    Promise.resolve(result).catch(() => {}); // nobody is going to await it
    throw new TypeError("a schema of messages must not wait: messages are checked in order");
  }
  if ("error" in result && Boolean(result.error)) {
    throw new ValidationError(issuesOf(result.error), { cause: result.error });
  }
  return "value" in result ? result.value : value;
}

/** One error or many; `instancePath` is a JSON pointer (RFC 6901), which other libraries leave out. */
function issuesOf(errors: unknown): ValidationIssue[] {
  return [errors].flat().map((error: unknown) => {
    const { message = "is invalid", instancePath = "" } = (error ?? {}) as {
      readonly message?: string;
      readonly instancePath?: string;
    }; // what is missing has a default
    const path = instancePath.split("/").slice(1);
    return { message, path: path.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")) };
  });
}
