/** Requests of the Fetch standard that no server has received, as frameworks give them to their routes in tests. */

import { IncomingMessage } from "node:http";
import { Socket } from "node:net";

/** Makes node's request of Fetch's, with no peer behind it: a WebSocket route refuses it, or misses its server. */
export function requestWithoutPeer({ method, url, headers }: Request): IncomingMessage {
  const { pathname, search } = new URL(url);
  const request = new IncomingMessage(new Socket());
  request.method = method;
  request.url = pathname + search;
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  for (const [name, value] of headers) {
    request.rawHeaders.push(name, value);
    request.headers[name] = value;
  }
  return request;
}
