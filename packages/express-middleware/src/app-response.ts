/**
 * Responses that are an app's from the beginning.
 *
 * Express gives each response another prototype, and from there on V8 shares no layout among them: every look at one goes
 * through its runtime. A response that has that prototype already stays as it is. Handshakes of Express: 233 -> 191 µs
 * (Node 20).
 */

import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { ResponseClass } from "@longwire/engine";

type Construct = (this: ServerResponse, request: IncomingMessage) => void;

// A function of ES5 in Node, and called as one by many packages; typed as a class.
const construct = ServerResponse as unknown as Construct;

/** Makes the class; undefined for what is no app of Express, and where Node's own class can't be called. */
export function appResponse(app: unknown): ResponseClass | undefined {
  if (typeof app !== "function" || !("response" in app)) return undefined;
  const AppResponse: Construct = function (request) {
    construct.call(this, request);
  };
  AppResponse.prototype = app.response;
  Object.setPrototypeOf(AppResponse, ServerResponse); // V8 reserves room for the fields of all in this chain
  const Made = AppResponse as unknown as ResponseClass; // called by `new` alone
  try {
    void new Made(new IncomingMessage(new Socket()));
    return Made;
  } catch {
    return undefined;
  }
}
