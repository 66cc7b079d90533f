/** `attach` and `serve`: the upgrade requests of a server go through the Hono app. */

import { attach as attachListener, sendAccepted } from "@longwire/engine";
import type { Attachment, AttachOptions } from "@longwire/engine";
import { getRequestListener, RequestError, serve as serveHTTP } from "@hono/node-server";
import type { HttpBindings, ServerType } from "@hono/node-server";
import type { Context } from "hono";
import { remember } from "./incoming.ts";
import type { FetchApp, FetchCallback, OnListening, ServeOptions } from "./types.ts";

/**
 * Marks the response of an accepted request, and is taken off before anybody sees it. Fetch has no 101, and a property
 * would be lost: middleware and Hono itself make new Responses of the headers of old ones.
 */
const ACCEPTED = "x-longwire-accepted";

/** Thrown when the 101 has gone out: so `getRequestListener` learns that nothing is left to write. */
const SENT = new Error("the 101 has been sent");

/** What a route returns for an accepted request. Middleware and loggers see its 200. */
export function acceptedResponse(c: Context): Response {
  return c.newResponse(null, 200, { [ACCEPTED]: "1" });
}

/**
 * Sends the upgrade requests of `server` through `app`: `attach(serve({ fetch: app.fetch, port: 3000 }), app)`.
 *
 * @throws TypeError | RangeError naming the value.
 */
export function attach(server: ServerType, app: FetchApp, options?: AttachOptions): Attachment {
  if (typeof app?.fetch !== "function") {
    throw new TypeError(`app must have a method fetch, got ${typeof app?.fetch}`);
  }
  const fetch: FetchCallback = async (request, env) => {
    const { incoming, outgoing } = env as HttpBindings; // `upgrade` is an event of HTTP/1.1
    remember(request, incoming);
    const response = await app.fetch(request, env);
    if (!isMarked(response)) return response;
    const { headers, status, body } = response;
    headers.delete(ACCEPTED);
    // Middleware has answered in place of the route, and Hono has copied the headers.
    if (status !== 200 || body !== null) return response;
    for (const [name, value] of headers) {
      if (name !== "set-cookie") outgoing.setHeader(name, value);
    }
    for (const cookie of headers.getSetCookie()) outgoing.appendHeader("set-cookie", cookie);
    sendAccepted(incoming);
    throw SENT;
  };
  // The globals are the application's choice, made where it serves HTTP.
  const listener = getRequestListener(fetch, { errorHandler, overrideGlobalObjects: false });
  return attachListener(server, listener, options);
}

function isMarked(response: unknown): response is Response {
  const { headers } = (response ?? {}) as Partial<Response>; // whatever `fetch` returned
  return headers instanceof Headers && headers.has(ACCEPTED);
}

/** Answers as node-server does without an `errorHandler`. */
function errorHandler(error: unknown): Response | undefined {
  if (error === SENT) return undefined;
  if (error instanceof RequestError) return new Response(null, { status: 400 });
  const isTimeout = error instanceof Error && error.name === "TimeoutError";
  return new Response(null, { status: isTimeout ? 504 : 500 });
}

/**
 * Serves an app over HTTP as the `serve` of @hono/node-server does, with the same arguments, and attaches it.
 *
 * @throws TypeError | RangeError naming the value.
 */
export function serve(
  options: ServeOptions & AttachOptions,
  onListening?: OnListening,
): ServerType {
  if ("websocket" in options && options.websocket !== undefined) {
    throw new TypeError("serve attaches the app by itself: leave out the option websocket");
  }
  const server = serveHTTP(options, onListening);
  const { only, handshakeTimeout, drainTimeout } = options; // the others are node-server's
  attach(server, options, { only, handshakeTimeout, drainTimeout });
  return server;
}
