/** A received message as the value that it stands for, checked where there is a schema. */

import type { StandardSchema } from "@longwire/engine";
import { InvalidMessageError } from "./errors.ts";

/**
 * Parses a message as JSON, text and binary alike, as the server's `readJSON` does.
 *
 * @throws InvalidMessageError
 */
export async function parseMessage(
  data: string | ArrayBuffer,
  schema: StandardSchema | undefined,
): Promise<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data));
  } catch (cause) {
    throw new InvalidMessageError("WS_JSON_INVALID", String(cause), [], { cause });
  }
  const result = await schema?.["~standard"].validate(value);
  if (result?.issues === undefined) return result === undefined ? value : result.value;
  const issues = result.issues.map(({ message, path = [] }) => ({
    message,
    path: [...path].map((segment) => (typeof segment === "object" ? segment.key : segment)),
  }));
  const all = issues.map(({ message, path }) => `${path.map(String).join(".")}: ${message}`);
  throw new InvalidMessageError("WS_VALIDATION", all.join("; "), issues);
}
