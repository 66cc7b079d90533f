/** The command line: where to, with what, and clear words for everything else. */

import { parseArgs, type ParseArgsConfig } from "node:util";

export interface ClientArguments {
  readonly url: string;
  /** Name and value of each header, as given. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly subprotocols: readonly string[];
  /** A proxy's URL, `false` for none; `undefined` leaves it to the environment. */
  readonly proxy: string | false | undefined;
  readonly compression: boolean;
  readonly redirects: number;
  /** Milliseconds for the handshake. */
  readonly timeout: number | undefined;
  /** File with certificates to trust. */
  readonly ca: string | undefined;
  readonly insecure: boolean;
  /** Stays connected when the input ends. */
  readonly wait: boolean;
  readonly verbose: boolean;
}

export const USAGE = `usage: npm run -s client -- URL [OPTION…]

Sends each line of its input as a text message, and prints each message that comes.
URL is ws://…, wss://… or ws+unix:/path/of/socket:/path; user and password in it are sent as Basic authorization.

  -H, --header 'NAME: VALUE'  a header of the request; may be given several times
  -s, --subprotocol NAME      offers a subprotocol; may be given several times
      --compression           offers permessage-deflate
      --proxy URL             http:, https:, socks5: or socks5h: proxy
      --no-proxy              no proxy, whatever HTTP_PROXY, HTTPS_PROXY and ALL_PROXY say
      --redirects N           follows up to N redirects
      --timeout SECONDS       limits the handshake (45)
      --ca FILE               trusts the certificates in FILE
      --insecure              trusts any certificate
  -w, --wait                  stays connected when the input ends
  -v, --verbose               shows what the connection goes through, and the response
  -h, --help                  shows this

Exit status: 0 the connection was closed with 1000, 1001 or no code; 1 there was no connection; 2 wrong usage;
3 the connection ended otherwise; 130 interrupted.
`;

/** The command line does not say what to do; the message is all that the person needs. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

const OPTIONS = {
  header: { type: "string", short: "H", multiple: true, default: [] },
  subprotocol: { type: "string", short: "s", multiple: true, default: [] },
  compression: { type: "boolean", default: false },
  proxy: { type: "string" },
  "no-proxy": { type: "boolean", default: false },
  redirects: { type: "string", default: "0" },
  timeout: { type: "string" },
  ca: { type: "string" },
  insecure: { type: "boolean", default: false },
  wait: { type: "boolean", short: "w", default: false },
  verbose: { type: "boolean", short: "v", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const satisfies NonNullable<ParseArgsConfig["options"]>;

type Parsed = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>;

function parse(argv: readonly string[]): Parsed {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    // Node's first sentence names the argument; what follows is advice about positional arguments.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split(". ", 1)[0] ?? message, { cause: error });
  }
}

function parseHeader(text: string): [string, string] {
  const colon = text.indexOf(":");
  if (colon < 1) throw new UsageError(`--header must be 'Name: value', got ${text}`);
  return [text.slice(0, colon), text.slice(colon + 1).trim()];
}

function parseNumber(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(`${flag} must be a number, got ${text}`);
}

/** @returns What to do, or "help". @throws UsageError when an argument is unknown, missing or out of range. */
export function parseClientArguments(argv: readonly string[]): ClientArguments | "help" {
  const { values, positionals } = parse(argv);
  if (values.help) return "help";
  const [url, second] = positionals;
  if (url === undefined || second !== undefined) {
    throw new UsageError(`one URL is needed, got ${positionals.length === 0 ? "none" : second}`);
  }
  if (values.proxy !== undefined && values["no-proxy"]) {
    throw new UsageError("--proxy and --no-proxy exclude each other");
  }
  return {
    url,
    headers: values.header.map(parseHeader),
    subprotocols: values.subprotocol,
    proxy: values["no-proxy"] ? false : values.proxy,
    compression: values.compression,
    redirects: parseNumber("--redirects", values.redirects),
    timeout:
      values.timeout === undefined ? undefined : parseNumber("--timeout", values.timeout) * 1000,
    ca: values.ca,
    insecure: values.insecure,
    wait: values.wait,
    verbose: values.verbose,
  };
}
