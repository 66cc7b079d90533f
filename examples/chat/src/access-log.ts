/** Each framework's own access line, with the framework's name in front. */
import { stripVTControlCharacters } from "node:util";

/** Where a framework's logger writes: as a stream (pino, morgan) or as a function (koa-logger, hono/logger). */
export interface AccessLog {
  write(text: string): void;
  readonly print: (text: string) => void;
}

/** The terminal, or what stands for it in a test. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export function accessLog(framework: string, output: Output): AccessLog {
  const print = (text: string): void => {
    const shown = output.isTTY === true ? text : stripVTControlCharacters(text);
    for (const line of shown.trim().split("\n")) {
      output.write(`${framework.padEnd(8)} ${withoutJson(line.trimEnd())}\n`);
    }
  };
  return { print, write: print };
}

/** Pino writes a record as JSON: the same values in the same order, for people. */
function withoutJson(line: string): string {
  if (!line.startsWith("{")) return line;
  // Pino's record of a request, as Fastify's serializers make it.
  const { reqId, req, res, responseTime, msg, err } = JSON.parse(line) as {
    reqId?: string;
    req?: { method: string; url: string };
    res?: { statusCode: number };
    responseTime?: number;
    msg?: string;
    err?: { stack: string };
  };
  const parts = [reqId, msg, req?.method, req?.url, res?.statusCode, err?.stack];
  if (responseTime !== undefined) parts.push(`${responseTime.toFixed(1)} ms`);
  return parts.filter((part) => part !== undefined).join(" ");
}
