/** The message contract of a route: schemas for both directions, and the types that follow from them. */

import { ValidationError } from "../errors.ts";
import type { ValidationIssue } from "../errors.ts";
import type { Jsonified } from "./jsonified.ts";
import type { MessageCheck } from "./message.ts";

export type { Jsonified } from "./jsonified.ts";

/**
 * A schema by the Standard Schema convention (zod, valibot, arktype and others follow it), as a structure of our own:
 * nothing is imported.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<SchemaIssue> };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** Schemas of a route's messages. Both run synchronously. */
export interface Messages {
  /** What the client sends: checked when `readJSON`, `message.json()` or `json()` parse it. */
  readonly incoming?: StandardSchema<unknown, unknown> | undefined;
  /** What the server sends: checked by `writeJSON`. */
  readonly outgoing?: StandardSchema<unknown, unknown> | undefined;
}

type InputOf<S> = S extends { readonly "~standard": { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly input: infer I }
    ? I
    : unknown
  : unknown;
type OutputOf<S> = S extends { readonly "~standard": { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer O }
    ? O
    : unknown
  : unknown;

/** What the server reads: `Conn<In<M>, Out<M>>`. */
export type In<M extends Messages> = OutputOf<M["incoming"]>;
/** What the server writes. */
export type Out<M extends Messages> = InputOf<M["outgoing"]>;
/** What the client reads. */
export type ClientIn<M extends Messages> = Jsonified<OutputOf<M["outgoing"]>>;
/** What the client writes. */
export type ClientOut<M extends Messages> = InputOf<M["incoming"]>;

/** What a connection does with the contract: functions, whatever made them. */
export interface MessageChecks<In = unknown> {
  /** Checks a parsed message. */
  readonly incoming?: MessageCheck<In> | undefined;
  /** Checks a value before it is serialized, and gives what is serialized. */
  readonly outgoing?: MessageCheck<unknown> | undefined;
}

/** @throws TypeError for a name that a contract has not: messages would go unchecked by a slip. */
export function checkContractNames(messages: object): void {
  for (const name of Object.keys(messages)) {
    if (name === "incoming" || name === "outgoing") continue;
    throw new TypeError(`messages has the schemas incoming and outgoing, got ${name}`);
  }
}

/** Makes the checks of a contract. @throws As {@link checkContractNames} and {@link checkBy}. */
export function checksOf(messages: Messages): MessageChecks {
  checkContractNames(messages);
  const { incoming, outgoing } = messages;
  return {
    incoming: incoming === undefined ? undefined : checkBy(incoming, "incoming"),
    outgoing: outgoing === undefined ? undefined : checkBy(outgoing, "outgoing"),
  };
}

/**
 * Makes the check of a schema.
 *
 * @throws TypeError when the schema does not follow the Standard Schema convention.
 */
export function checkBy<T>(schema: StandardSchema<unknown, T>, name: string): MessageCheck<T> {
  const standard: unknown =
    typeof schema === "object" || typeof schema === "function" ? schema?.["~standard"] : undefined;
  if (
    typeof standard !== "object" ||
    standard === null ||
    typeof schema["~standard"].validate !== "function"
  ) {
    throw new TypeError(
      `messages.${name} must be a Standard Schema (zod 3.24, valibot 1, arktype 2 or later), got ${typeof schema}`,
    );
  }
  return (value) => {
    const result = schema["~standard"].validate(value);
    if ("then" in result) {
      result.then(undefined, () => {}); // nobody is going to await it
      throw new TypeError(
        `messages.${name} validates asynchronously: messages are checked in order, so a schema must not wait`,
      );
    }
    if (result.issues !== undefined) throw new ValidationError(result.issues.map(toIssue));
    return result.value;
  };
}

function toIssue(issue: SchemaIssue): ValidationIssue {
  // Array.from: the paths of some libraries are subclasses of Array, and so would be what `map` makes of them.
  const path = Array.from(issue.path ?? [], (segment) =>
    typeof segment === "object" ? segment.key : segment,
  );
  return { message: issue.message, path };
}
