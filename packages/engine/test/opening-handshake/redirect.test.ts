import { describe, expect, it } from "vitest";
import {
  isRedirect,
  isSameServer,
  redirectUrl,
  withoutCredentials,
} from "../../src/opening-handshake/redirect.ts";
import type { ReceivedHead } from "../../src/opening-handshake/response-head.ts";

function head(statusCode: number, ...locations: string[]): ReceivedHead {
  const rawHeaders = locations.flatMap((location) => ["Location", location]);
  return { httpVersion: "1.1", statusCode, statusMessage: "", headers: {}, rawHeaders };
}

describe("RFC 9110 §15.4 redirects", () => {
  it.each([
    [301, true],
    [302, true],
    [303, true],
    [307, true],
    [308, true],
    [300, false],
    [304, false],
    [305, false],
    [101, false],
    [401, false],
  ])("status %i is one: %s", (status, expected) => {
    expect(isRedirect(head(status, "/"))).toBe(expected);
  });

  it.each([
    ["ws://a/b/c?d", "e", "ws://a/b/e"],
    ["ws://a/b", "/x?y", "ws://a/x?y"],
    ["ws://a/b", "//c/d", "ws://c/d"],
    ["ws://a/", "ws://b:81/", "ws://b:81/"],
    ["ws://a/", "http://b/", "ws://b/"],
    ["ws://a/", "https://b/", "wss://b/"],
    ["ws://a/", "wss://a/", "wss://a/"],
    ["wss://a/", "https://a:444/", "wss://a:444/"],
    ["ws://a/", "ws://user:pw@a/#x", "ws://a/"],
    ["ws://user:pw@a/", "/x", "ws://a/x"],
  ])("lead from %s by %s to %s", (from, location, to) => {
    expect(redirectUrl(new URL(from), head(302, location))).toEqual(new URL(to));
  });

  it.each([
    ["ws://a/", [], "not exactly one Location"],
    ["ws://a/", ["/a", "/b"], "not exactly one Location"],
    ["ws://a/", ["http://["], 'its Location is "http://["'],
    ["ws://a/", ["ftp://b/"], 'it leads to "ftp:"'],
    ["ws://a/", ["file:///etc/passwd"], 'it leads to "file:"'],
    ["ws://a/", ["ws+unix:/tmp/a"], 'it leads to "ws+unix:"'],
    ["wss://a/", ["ws://a/"], "it leads from wss: to ws:"],
    ["wss://a/", ["http://a/"], "it leads from wss: to ws:"],
    ["ws+unix:/tmp/a:/b", ["/c"], 'its Location is "/c"'],
    ["ws+unix:/tmp/a:/b", ["ws://a/"], 'it leads to "ws:"'],
  ])("are not followed from %s by %j", (from, locations, why) => {
    expect(redirectUrl(new URL(from), head(302, ...locations))).toContain(why);
  });

  it.each([
    ["ws://a/b", "ws://a/c", true],
    ["ws://a/", "ws://a:80/", true],
    ["ws://a/", "ws://a:81/", false],
    ["ws://a/", "wss://a/", false],
    ["ws://a/", "ws://b.a/", false],
  ])("from %s to %s stay with the server: %s", (from, to, expected) => {
    expect(isSameServer(new URL(from), new URL(to))).toBe(expected);
  });

  it("take no credentials to another origin, in whatever spelling", () => {
    const kept = [
      ["Origin", "http://a"],
      ["X-Cookie", "1"],
    ] as const;
    const bound = [
      ["authorization", "Basic x"],
      ["COOKIE", "a=b"],
      ["Proxy-Authorization", "Basic y"],
      ["host", "a"],
    ] as const;
    expect(withoutCredentials([...bound, ...kept])).toEqual(kept);
  });
});
