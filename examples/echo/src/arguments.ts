/** The command line: which framework, where to listen, and clear words for everything else. */
import { parseArgs, type ParseArgsConfig } from "node:util";

export const FRAMEWORKS = ["engine", "fastify", "express", "koa", "hono"] as const;
export type Framework = (typeof FRAMEWORKS)[number];

export interface EchoArguments {
  readonly framework: Framework;
  readonly host: string;
  readonly port: number;
  /** Longest message accepted, in bytes; `undefined` leaves the engine's default. */
  readonly readLimit: number | undefined;
  /** Negotiate permessage-deflate. */
  readonly compression: boolean;
}

export const USAGE: string = `usage: npm run -s echo -- --framework ${FRAMEWORKS.join("|")} --port PORT [--host ADDRESS] [--read-limit BYTES] [--compression]`;

/** The command line does not say what to do; the message is all that the person needs. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

const OPTIONS = {
  framework: { type: "string" },
  port: { type: "string" },
  host: { type: "string", default: "127.0.0.1" },
  "read-limit": { type: "string" },
  compression: { type: "boolean", default: false },
} as const satisfies NonNullable<ParseArgsConfig["options"]>;

/** Names that other builds of this server know, told apart from typing errors. */
const UNAVAILABLE: readonly string[] = ["--http2"];

/** @throws UsageError when an argument is unknown, missing or out of range. */
export function parseEchoArguments(argv: readonly string[]): EchoArguments {
  const refused = argv.find((argument) => UNAVAILABLE.includes(argument.split("=", 1)[0] ?? ""));
  if (refused !== undefined) {
    throw new UsageError(`${refused.split("=", 1)[0]} is not available in this version`);
  }
  const { framework, port, host, "read-limit": readLimit, compression } = parse(argv);
  return {
    framework: parseFramework(framework),
    host,
    port: parseInteger("--port", port, 0, 65_535),
    readLimit:
      readLimit === undefined
        ? undefined
        : parseInteger("--read-limit", readLimit, 1, Number.MAX_SAFE_INTEGER),
    compression,
  };
}

interface Values {
  readonly framework?: string;
  readonly port?: string;
  readonly host: string;
  readonly "read-limit"?: string;
  readonly compression: boolean;
}

function parse(argv: readonly string[]): Values {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true }).values;
  } catch (error) {
    // Node's sentence names the argument; what follows it is advice about positional arguments.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split(". ", 1)[0] ?? message, { cause: error });
  }
}

function parseFramework(name: string | undefined): Framework {
  const framework = FRAMEWORKS.find((known) => known === name);
  if (framework !== undefined) return framework;
  throw new UsageError(
    `--framework must be one of ${FRAMEWORKS.join(", ")}, got ${name ?? "nothing"}`,
  );
}

function parseInteger(flag: string, text: string | undefined, least: number, most: number): number {
  const value = text === undefined || !/^\d+$/u.test(text) ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new UsageError(
    `${flag} must be a whole number from ${least} to ${most}, got ${text ?? "nothing"}`,
  );
}
