/**
 * The head of a 101, past what `writeHead` and `end` do for heads and bodies in general.
 *
 * They look at each header for what it means to a body, and keep the head back for what may follow. Here it is written as
 * one text, and the response is told that it has sent it: two fields that are not documented. A handshake takes 120
 * instead of 128 µs with it (Node 24). A Node that does otherwise than it is known to ({@link findMethods}) sends through
 * the response, as does `LONGWIRE_PUBLIC_API_ONLY=1`, and as does a response that somebody has wrapped.
 */

import { IncomingMessage, ServerResponse, STATUS_CODES } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { HeaderField } from "../opening-handshake/header-fields.ts";

/** What Node keeps of a response. */
interface HeadFields {
  /** The head. `headersSent` tells whether there is one. */
  _header: string | null;
  /** The socket has it: `end` need not send it. */
  _headerSent: boolean;
}

/** What a response has when nobody has wrapped it. */
interface Methods {
  readonly writeHead: unknown;
  readonly end: unknown;
}

let methods: Methods | false | undefined;

/** Tells whether {@link sendHead} may send for a response: nobody waits in a wrapper to see its head or to add to it. */
export function takesHead(response: ServerResponse): response is ServerResponse & HeadFields {
  methods ??= process.env["LONGWIRE_PUBLIC_API_ONLY"] !== "1" && findMethods();
  return (
    methods !== false && response.writeHead === methods.writeHead && response.end === methods.end
  );
}

/** Sends the head of a 101 to the response's socket. What is left is to end the response. */
export function sendHead(
  response: ServerResponse & HeadFields,
  socket: Duplex,
  headers: readonly HeaderField[],
): void {
  const reason = STATUS_CODES[101]!;
  response.statusCode = 101;
  response.statusMessage = reason;
  let head = `HTTP/1.1 101 ${reason}\r\n`;
  let dated = !response.sendDate;
  for (const [name, value] of headers) {
    head += `${name}: ${value}\r\n`;
    dated ||= name.toLowerCase() === "date";
  }
  head += dated ? "\r\n" : `Date: ${date()}\r\n\r\n`;
  response._header = head;
  response._headerSent = true;
  socket.write(head, "latin1");
}

let second = 0;
let dateOfSecond = "";

/** The time as in a `Date` header (RFC 9110 §5.6.7), made once a second. */
function date(): string {
  const now = Date.now();
  if (now - second >= 1000 || now < second) {
    second = now - (now % 1000);
    dateOfSecond = new Date(now).toUTCString();
  }
  return dateOfSecond;
}

function findMethods(): Methods | false {
  const own: Methods = ServerResponse.prototype;
  // An agent that watches the process may have wrapped them for all responses.
  if (!mentions(own.writeHead, "_storeHeader") || !mentions(own.end, "_headerSent")) return false;
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  if (!hasFields(response)) return false;
  response._header = "HTTP/1.1 101\r\n\r\n";
  return response.headersSent && { writeHead: own.writeHead, end: own.end };
}

function mentions(method: unknown, name: string): boolean {
  return Function.prototype.toString.call(method).includes(name);
}

function hasFields(response: object): response is HeadFields {
  return (
    "_header" in response &&
    response._header === null &&
    "_headerSent" in response &&
    response._headerSent === false
  );
}
