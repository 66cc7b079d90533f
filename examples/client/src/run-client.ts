/** One session: dials, carries lines and messages, closes, and says how it went. */

import { readFileSync } from "node:fs";
import type { Interface } from "node:readline";
import {
  CloseError,
  type Conn,
  Dialer,
  type DialerOptions,
  formatCloseMessage,
  HandshakeError,
  type HandshakeResponse,
  MessageType,
  proxyFromEnvironment,
} from "@longwire/engine";
import type { ClientArguments } from "./arguments.ts";
import { openInput } from "./input.ts";
import type { Screen } from "./screen.ts";

export const EXIT = { closed: 0, noConnection: 1, usage: 2, broken: 3, interrupted: 130 } as const;

/** The largest message that is shown; a person at a terminal wants no limit that they would meet. */
const READ_LIMIT_BYTES = 64 * 1024 * 1024;
const QUIET_CODES: ReadonlySet<number> = new Set([1000, 1001, 1005]);

function dialerOptions(args: ClientArguments, screen: Screen): DialerOptions {
  const { proxy, timeout, ca } = args;
  return {
    subprotocols: args.subprotocols,
    compression: args.compression,
    followRedirects: args.redirects,
    handshakeTimeout: timeout,
    readLimit: READ_LIMIT_BYTES,
    basicAuth: true,
    proxy: proxy === false ? undefined : (proxy ?? proxyFromEnvironment),
    tls: {
      rejectUnauthorized: !args.insecure,
      ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    },
    trace: args.verbose
      ? ({ phase, peer, elapsed }) => screen.detail(`${elapsed.toFixed(1)} ms: ${phase} ${peer}`)
      : undefined,
  };
}

function showResponse(response: HandshakeResponse, screen: Screen): void {
  screen.detail(`HTTP/1.1 ${response.status} ${response.statusText}`);
  for (const [name, value] of Object.entries(response.headers)) {
    for (const line of [value ?? ""].flat()) screen.detail(`${name}: ${line}`);
  }
}

function showFailure(error: unknown, args: ClientArguments, screen: Screen): void {
  screen.problem(error instanceof Error ? error.message : String(error));
  if (!(error instanceof HandshakeError) || error.response === undefined) return;
  if (args.verbose) showResponse(error.response, screen);
  const body = error.response.body.toString();
  if (body !== "") screen.detail(body);
}

function describe(conn: Conn): string {
  const agreed = [
    ...(conn.subprotocol === "" ? [] : [`subprotocol ${conn.subprotocol}`]),
    ...(conn.extensions === "" ? [] : [conn.extensions]),
  ];
  return agreed.length === 0 ? "" : ` (${agreed.join(", ")})`;
}

/** Sends each line. When the input ends a close frame goes out, and reading goes on until the server has answered. */
async function sendLines(conn: Conn, input: Interface, wait: boolean): Promise<void> {
  for await (const line of input) await conn.writeMessage(MessageType.text, line);
  if (!wait) await conn.writeControl(MessageType.close, formatCloseMessage(1000));
}

/** Shows messages until the end, and says how that was. */
async function showMessages(conn: Conn, screen: Screen): Promise<number> {
  try {
    for await (const message of conn) screen.message(message);
  } catch (error) {
    if (!(error instanceof CloseError)) {
      screen.problem(error instanceof Error ? error.message : String(error));
      return EXIT.broken;
    }
  }
  const { code, reason } = await conn.closed;
  const quiet = QUIET_CODES.has(code);
  const words = `closed with ${code}${reason === "" ? "" : `: ${reason}`}`;
  if (quiet) screen.notice(words);
  else screen.problem(words);
  return quiet ? EXIT.closed : EXIT.broken;
}

async function converse(conn: Conn, args: ClientArguments, screen: Screen): Promise<number> {
  const input = openInput(screen);
  // The first interrupt closes politely; at a terminal it comes by way of the line editor.
  let interrupted = false;
  const interrupt = (): void => {
    if (interrupted) conn.terminate();
    interrupted = true;
    void conn.close(1000);
  };
  process.on("SIGINT", interrupt);
  input.on("SIGINT", interrupt);
  try {
    sendLines(conn, input, args.wait).catch(() => {}); // the reader is told the same
    const status = await showMessages(conn, screen);
    return interrupted ? EXIT.interrupted : status;
  } finally {
    process.off("SIGINT", interrupt);
    input.close();
    process.stdin.destroy(); // an input that stays open must not keep the process alive
  }
}

/** Runs to the end of the connection. @returns The exit status. */
export async function runClient(args: ClientArguments, screen: Screen): Promise<number> {
  const dialing = new AbortController();
  const interrupt = (): void => dialing.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt);
  try {
    const dialer = new Dialer(dialerOptions(args, screen));
    const { conn, response, url } = await dialer.dial(args.url, {
      headers: args.headers,
      signal: dialing.signal,
    });
    if (args.verbose) showResponse(response, screen);
    screen.notice(`connected to ${url.href}${describe(conn)}`);
    process.off("SIGINT", interrupt);
    return await converse(conn, args, screen);
  } catch (error) {
    showFailure(error, args, screen);
    if (dialing.signal.aborted) return EXIT.interrupted;
    return error instanceof TypeError || error instanceof RangeError
      ? EXIT.usage
      : EXIT.noConnection;
  } finally {
    process.off("SIGINT", interrupt);
  }
}
