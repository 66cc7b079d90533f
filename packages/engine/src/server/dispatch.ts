/** Runs the app on an upgrade request, as its server would have, and answers for it when it fails. */

import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import { HandshakeError } from "../errors.ts";
import { runHandler } from "../conn/run-handler.ts";
import type { PendingUpgrade } from "./pending-upgrade.ts";
import { sendDecision } from "./refusal.ts";
import { printFault } from "./report-fault.ts";

/** Answers a request. Its promise, when it returns one, is the end of its chain. */
export type AppListener = (request: IncomingMessage, response: ServerResponse) => unknown;

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function"; // any value may be asked
}

/**
 * Calls the app's listener. When that returns a promise (Koa, async listeners), the 101 of an accepted request goes
 * out once it is fulfilled: the whole chain has come back by then, and what it added to the response is on the 101.
 */
export function dispatch(
  listener: AppListener,
  request: IncomingMessage,
  pending: PendingUpgrade,
): void {
  try {
    const returned = listener(request, pending.response);
    if (isThenable(returned)) sendBehind(returned, pending);
  } catch (error) {
    answerFault(pending, error);
  }
  pending.watch();
}

function sendBehind(returned: PromiseLike<unknown>, pending: PendingUpgrade): void {
  Promise.resolve(returned)
    .then(() => pending.send())
    .catch((error: unknown) => answerFault(pending, error));
}

/** An app that threw has not answered. Nobody else will: this is where node would have let the process end. */
function answerFault(pending: PendingUpgrade, error: unknown): void {
  if (pending.conn !== undefined) {
    // A listener that upgraded in the middle and went on with the connection: its end is no fault, all else is 1011.
    runHandler(pending.conn, () => Promise.reject(error as Error), printFault); // thrown as it was, Error or not
    return;
  }
  // Refusals are the peer's doing, and no news to anybody.
  const refusal = error instanceof HandshakeError ? error : undefined;
  if (refusal === undefined) printFault(error);
  const status = refusal === undefined || refusal.status < 400 ? 500 : refusal.status;
  try {
    sendDecision(pending.response, {
      accepted: false,
      status,
      headers: [],
      body: STATUS_CODES[status] ?? "",
      error: refusal,
    });
  } catch (failure) {
    printFault(failure); // middleware has replaced `end` or `setHeader` with something that throws
    pending.cut(500, "WS_HANDSHAKE_ABORTED", "the application could not answer");
  }
}
