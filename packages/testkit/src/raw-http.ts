/** HTTP/1.1 as text: upgrade requests written by hand, responses read with their names' spelling kept. */

/** A response as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  readonly statusText: string;
  /** Names spelled as they were sent, in order. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
  /** The first value of a header, whatever the case of its name. */
  header(name: string): string | undefined;
  /** Every value of a header, whatever the case of its name. */
  headerValues(name: string): string[];
}

export function rawResponse(init: Omit<RawResponse, "header" | "headerValues">): RawResponse {
  const headerValues = (name: string): string[] =>
    init.headers
      .filter(([sent]) => sent.toLowerCase() === name.toLowerCase())
      .map(([, value]) => value);
  return { ...init, headerValues, header: (name) => headerValues(name)[0] };
}

/** Reads a status line and its header lines, without the empty line that ends them. */
export function parseHead(head: string): Omit<RawResponse, "body" | "header" | "headerValues"> {
  const [statusLine = "", ...lines] = head.split("\r\n");
  const [version, status, ...words] = statusLine.split(" ");
  if (version !== "HTTP/1.1" || status === undefined || status.length !== 3) {
    throw new Error(`expected an HTTP/1.1 status line, got ${JSON.stringify(statusLine)}`);
  }
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`expected a header line, got ${JSON.stringify(line)}`);
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { status: Number(status), statusText: words.join(" "), headers };
}

/** Where the body ends: after a length, after the last chunk, at the end of the stream, or there is none. */
export type BodyFraming =
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "to-end" }
  | { readonly kind: "none" };

export function bodyFraming(head: Pick<RawResponse, "status" | "headers">): BodyFraming {
  if (head.status < 200 || head.status === 204 || head.status === 304) return { kind: "none" };
  const find = (wanted: string): string | undefined =>
    head.headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  if (find("transfer-encoding")?.toLowerCase() === "chunked") return { kind: "chunked" };
  const length = find("content-length");
  return length === undefined ? { kind: "to-end" } : { kind: "length", length: Number(length) };
}

/** The key of the RFC's example, §1.3. */
export const EXAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ==";
/** The answer to {@link EXAMPLE_KEY}, §1.3. */
export const EXAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** Header fields of a request to write; a list stands for several lines, `null` leaves a default out. */
export type RequestFields = Readonly<Record<string, string | readonly string[] | null>>;

/** Writes a request without a body; `path` may be anything that a client could put there. */
export function requestText(
  path: string,
  fields: RequestFields = {},
  method: string = "GET",
  version: string = "HTTP/1.1",
): string {
  const lines = [`${method} ${path} ${version}`];
  for (const [name, value] of Object.entries({ Host: "127.0.0.1", ...fields })) {
    if (value === null) continue;
    for (const one of typeof value === "string" ? [value] : value) lines.push(`${name}: ${one}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Writes a complete upgrade request (§4.1); `fields` add to its header or replace parts of it. */
export function upgradeText(
  path: string,
  fields: RequestFields = {},
  method: string = "GET",
  version: string = "HTTP/1.1",
): string {
  const defaults = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": EXAMPLE_KEY,
  };
  return requestText(path, { ...defaults, ...fields }, method, version);
}
