/** node's request behind a Hono context. */

import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Context } from "hono";

/** What @hono/node-server puts into `c.env`; under `server` when the app has bindings of its own. */
interface NodeBindings {
  readonly incoming?: IncomingMessage | undefined;
  readonly server?: { readonly incoming?: IncomingMessage | undefined } | undefined;
}

const byRequest = new WeakMap<Request, IncomingMessage>();

/** Remembers a pair, so that a `fetch` that replaces `c.env` does no harm. */
export function remember(request: Request, incoming: IncomingMessage): void {
  byRequest.set(request, incoming);
}

/** Finds the request, or makes one that never came through a server, as those of `app.request()`. */
export function incomingOf(c: Context): IncomingMessage {
  const env = c.env as NodeBindings | undefined; // any object; what it lacks is looked for elsewhere
  return env?.server?.incoming ?? env?.incoming ?? byRequest.get(c.req.raw) ?? unserved(c.req.raw);
}

function unserved({ method, url, headers }: Request): IncomingMessage {
  const incoming = new IncomingMessage(new Socket());
  incoming.method = method;
  incoming.url = new URL(url).pathname;
  incoming.httpVersionMajor = 1;
  incoming.httpVersionMinor = 1;
  for (const [name, value] of headers) {
    incoming.rawHeaders.push(name, value);
    incoming.headers[name] = value;
  }
  return incoming;
}
