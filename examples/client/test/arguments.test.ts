/** The command line of the client. */
import { describe, expect, it } from "vitest";
import { parseClientArguments, UsageError } from "../src/arguments.ts";

describe("arguments", () => {
  it("have defaults for all but the URL", () => {
    expect(parseClientArguments(["ws://a/"])).toEqual({
      url: "ws://a/",
      headers: [],
      subprotocols: [],
      proxy: undefined,
      compression: false,
      redirects: 0,
      timeout: undefined,
      ca: undefined,
      insecure: false,
      wait: false,
      verbose: false,
    });
  });

  it("are all taken", () => {
    const short = ["-H", "A: b:c", "-H", "D:e", "-s", "x", "-s", "y", "-w", "-v"];
    const long = ["--compression", "--proxy", "http://p", "--redirects", "3", "--timeout=1.5"];
    const trust = ["--ca", "ca.pem", "--insecure"];
    expect(parseClientArguments(["ws://a/", ...short, ...long, ...trust])).toEqual({
      url: "ws://a/",
      headers: [
        ["A", "b:c"],
        ["D", "e"],
      ],
      subprotocols: ["x", "y"],
      proxy: "http://p",
      compression: true,
      redirects: 3,
      timeout: 1500,
      ca: "ca.pem",
      insecure: true,
      wait: true,
      verbose: true,
    });
    expect(parseClientArguments(["ws://a/", "--no-proxy"])).toMatchObject({ proxy: false });
    expect(parseClientArguments(["-h"])).toBe("help");
  });

  it.each([
    [[], "one URL is needed, got none"],
    [["ws://a", "ws://b"], "one URL is needed, got ws://b"],
    [["ws://a", "-H", "novalue"], "--header must be 'Name: value', got novalue"],
    [["ws://a", "-H", ": x"], "--header must be"],
    [["ws://a", "--redirects", "many"], "--redirects must be a number, got many"],
    [["ws://a", "--timeout", ""], "--timeout must be a number, got "],
    [["ws://a", "--proxy", "http://p", "--no-proxy"], "exclude each other"],
    [["ws://a", "--colour"], "Unknown option '--colour'"],
    [["ws://a", "-s"], "argument missing"],
  ])("%j are refused", (argv, message) => {
    expect(() => parseClientArguments(argv)).toThrow(UsageError);
    expect(() => parseClientArguments(argv)).toThrow(message);
  });
});
