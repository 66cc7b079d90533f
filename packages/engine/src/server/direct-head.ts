/**
 * The head of a 101, past what `writeHead` does for responses in general.
 *
 * It looks at each header for what that means to a body. Here the head is one text, put where the response keeps the head
 * that `end` sends: one field that is not documented. A handshake takes 131 instead of 137 µs with it (Node 24). A Node
 * that does otherwise than it is known to ({@link findMethods}) sends by `setHeader`, as does `LONGWIRE_PUBLIC_API_ONLY=1`,
 * and as does a response that somebody has wrapped.
 */

import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { HeaderField } from "../opening-handshake/header-fields.ts";

/** A response without a head. */
interface Headless extends ServerResponse {
  _header: string | null;
}

/** What a response has when nobody has wrapped it. */
interface Methods {
  readonly writeHead: unknown;
  readonly end: unknown;
}

let methods: Methods | false | undefined;

/** Tells whether {@link putHead} may be used on a response: nobody waits in a wrapper to see its head or to add to it. */
export function takesHead(response: ServerResponse): response is Headless {
  methods ??= process.env["LONGWIRE_PUBLIC_API_ONLY"] !== "1" && findMethods();
  return (
    methods !== false && response.writeHead === methods.writeHead && response.end === methods.end
  );
}

/**
 * Gives a response, whose status is set, the head that `end` sends.
 *
 * @param headers - Checked: nobody else looks at them.
 */
export function putHead(response: Headless, headers: readonly HeaderField[]): void {
  response.chunkedEncoding = false; // no last chunk behind it
  let head = `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\n`;
  let isDated = !response.sendDate;
  for (const [name, value] of headers) {
    head += `${name}: ${value}\r\n`;
    isDated ||= name.toLowerCase() === "date";
  }
  response._header = isDated ? `${head}\r\n` : `${head}Date: ${currentDate()}\r\n\r\n`;
}

/** Milliseconds at which {@link dateOfSecond} began. */
let secondStart = 0;
let dateOfSecond = "";

/** The time as in a `Date` header (RFC 9110 §5.6.7), made once a second. */
function currentDate(): string {
  const now = Date.now();
  if (now - secondStart >= 1000 || now < secondStart) {
    secondStart = now - (now % 1000);
    dateOfSecond = new Date(now).toUTCString();
  }
  return dateOfSecond;
}

/** Looks at what a response sends that has been given a head. */
function findMethods(): Methods | false {
  const own: Methods = ServerResponse.prototype;
  // An agent that watches the process may have wrapped them for all responses.
  if (!mentions(own.writeHead, "_storeHeader") || !mentions(own.end, "_headerSent")) return false;
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  if (!isHeadless(response)) return false;
  let sent = "";
  const socket = new Duplex({
    write: (chunk: Buffer, _encoding, done) => {
      sent += chunk.toString("latin1");
      done();
    },
  });
  response.assignSocket(socket as Socket); // of a socket the response needs what a Duplex has
  response.statusMessage = "OK";
  putHead(response, [["X", "y"]]);
  const head = response._header;
  response.end();
  return response.headersSent && sent === head && { writeHead: own.writeHead, end: own.end };
}

function mentions(method: unknown, name: string): boolean {
  return Function.prototype.toString.call(method).includes(name);
}

function isHeadless(response: ServerResponse): response is Headless {
  return "_header" in response && response._header === null;
}
