/** The command line of the echo server. */
import { describe, expect, it } from "vitest";
import { parseEchoArguments, UsageError } from "../src/arguments.ts";

describe("arguments", () => {
  it("takes a framework and a port, and has defaults for the rest", () => {
    expect(parseEchoArguments(["--framework", "koa", "--port", "9001"])).toEqual({
      framework: "koa",
      host: "127.0.0.1",
      port: 9001,
      readLimit: undefined,
      compression: false,
    });
  });

  it("takes a host and a read limit", () => {
    const given = ["--framework=engine", "--port=0", "--host=::1", "--read-limit=67108864"];
    expect(parseEchoArguments(given)).toMatchObject({ host: "::1", readLimit: 67_108_864 });
  });

  it.each([
    [
      ["--port", "1"],
      "--framework must be one of engine, fastify, express, koa, hono, got nothing",
    ],
    [["--framework", "rails", "--port", "1"], "got rails"],
    [["--framework", "hono"], "--port must be a whole number from 0 to 65535, got nothing"],
    [["--framework", "hono", "--port", "65536"], "got 65536"],
    [["--framework", "hono", "--port", "80a"], "got 80a"],
    [["--framework", "hono", "--port", "1", "--read-limit", "0"], "--read-limit must be"],
    [["--framework", "hono", "--port", "1", "--read-limit", "1.5"], "got 1.5"],
    [["--framework", "hono", "--port", "1", "--verbose"], "Unknown option '--verbose'"],
    [["--framework", "hono", "--port", "1", "extra"], "Unexpected argument 'extra'"],
    [["--framework", "hono", "--port", "1", "--compression=6"], "--compression"],
    [["--framework", "hono", "--port", "1", "--http2"], "--http2 is not available"],
  ])("refuses %j", (given, message) => {
    expect(() => parseEchoArguments(given)).toThrow(UsageError);
    expect(() => parseEchoArguments(given)).toThrow(message);
  });
});
