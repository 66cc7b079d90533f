/** JSON messages: values out, checked values in. */

import { CloseCode } from "../close-code.ts";
import { ValidationError, WebSocketError } from "../errors.ts";
import { truncateCloseReason } from "../framing/close-payload.ts";
import type { Message, MessageCheck } from "../messages/message.ts";

/** `WS_JSON_INVALID`, or a ValidationError. */
export type InvalidMessageError = WebSocketError;

/** What iteration needs of a connection. */
interface JSONSource<In> extends AsyncIterable<Message<In>> {
  close(code: number, reason: string): Promise<unknown>;
}

/**
 * Serializes a value.
 *
 * @throws ValidationError when it does not fit; TypeError when JSON can't express it.
 */
export function serializeJSON(value: unknown, check: MessageCheck<unknown> | undefined): string {
  const checked = check === undefined ? value : check(value);
  const text = JSON.stringify(checked) as string | undefined; // typed as if undefined and functions had a JSON form
  if (text === undefined)
    throw new TypeError(`writeJSON: JSON can't express a value of type ${typeof checked}`);
  return text;
}

/** Iterates over the messages of a connection as values. */
export async function* iterateJSON<In, C extends JSONSource<In>>(
  conn: C & JSONSource<In>,
  onInvalid: ((error: InvalidMessageError, conn: C) => void | Promise<void>) | undefined,
): AsyncGenerator<In, undefined, undefined> {
  for await (const message of conn) {
    let value: In;
    try {
      value = message.json();
    } catch (error) {
      if (!isInvalidMessage(error)) throw error;
      if (onInvalid === undefined) {
        // "... data within a message that was not consistent with the type of the message" §7.4.1
        void conn.close(CloseCode.invalidPayload, truncateCloseReason(error.message));
        return undefined;
      }
      await onInvalid(error, conn);
      continue;
    }
    yield value;
  }
  return undefined;
}

function isInvalidMessage(error: unknown): error is InvalidMessageError {
  return (
    error instanceof ValidationError ||
    (error instanceof WebSocketError && error.code === "WS_JSON_INVALID")
  );
}
