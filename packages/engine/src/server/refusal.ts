/** The HTTP response that answers an upgrade request; a refusal is the engine's, or what the application makes of it. */

import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { HandshakeError } from "../errors.ts";
import {
  outgoingHeaders,
  type HeaderField,
  type HeaderInput,
} from "../opening-handshake/header-fields.ts";
import type { RefusedUpgrade } from "./check-upgrade.ts";
import { PendingUpgrade } from "./pending-upgrade.ts";
import type { WriteRefusal } from "./upgrade-options.ts";

/** A decided upgrade request, as the response that answers it. */
export interface UpgradeDecision {
  readonly accepted: boolean;
  /** 101 when accepted. */
  readonly status: number;
  readonly headers: readonly HeaderField[];
  /** "" when accepted. */
  readonly body: string;
  /** Why it was refused. */
  readonly error: HandshakeError | undefined;
}

const NO_NAME_IS_RESERVED: ReadonlyMap<string, string> = new Map();

/** Puts `added` behind `headers`, in place of those with the same name. */
function override(headers: readonly HeaderField[], added: HeaderInput | undefined): HeaderField[] {
  const fields = outgoingHeaders(added, NO_NAME_IS_RESERVED);
  const names = new Set(fields.map(([name]) => name.toLowerCase()));
  return [...headers.filter(([name]) => !names.has(name.toLowerCase())), ...fields];
}

function checkStatus(status: number): number {
  if (Number.isInteger(status) && status >= 300 && status <= 599) return status;
  throw new RangeError(`status of a refusal must be from 300 to 599, got ${status}`);
}

/**
 * Makes the response of a refusal.
 *
 * @param write - The application's `error` option. Not asked when nobody is left to read the answer.
 * @throws whatever `write` throws; RangeError or TypeError for a status or header that cannot be sent.
 */
export async function refuse(
  request: IncomingMessage,
  { error, headers }: RefusedUpgrade,
  write: WriteRefusal | undefined,
): Promise<UpgradeDecision> {
  const unheard = error.code === "WS_HANDSHAKE_ABORTED" || error.code === "WS_HANDSHAKE_TIMEOUT";
  const wanted = unheard ? undefined : await write?.(error, request);
  const status = checkStatus(wanted?.status ?? error.status);
  const plain: HeaderField = ["Content-Type", "text/plain; charset=utf-8"];
  return {
    accepted: false,
    status,
    headers: override([...headers, plain], wanted?.headers),
    // The status text and never the reason: it quotes the configuration and the peer's own headers.
    body: wanted?.body ?? STATUS_CODES[status] ?? String(status),
    error,
  };
}

/** Writes the answer, unless a response has been sent already. */
export function sendDecision(response: ServerResponse, decision: UpgradeDecision): void {
  if (response.headersSent || response.writableEnded) return;
  if (decision.accepted) {
    PendingUpgrade.of(response.req)?.send();
    return;
  }
  response.statusCode = decision.status;
  for (const [name, value] of decision.headers) {
    if (name.toLowerCase() === "set-cookie") response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  response.end(decision.body);
}
