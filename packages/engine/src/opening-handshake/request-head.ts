/** The head of an HTTP/1.1 request as bytes. RFC 9112 §3. */

import type { HeaderField } from "./header-fields.ts";

/** Method, target and headers, each of them checked by whoever made them. */
export interface RequestLines {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly HeaderField[];
}

/** Serializes a request without a body. */
export function serializeRequest({ method, target, headers }: RequestLines): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, "latin1");
}
