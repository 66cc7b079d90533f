import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compileAllowedOrigins,
  isAllowedOrigin,
  isSameOrigin,
  parseHost,
  parseOrigin,
} from "../../src/opening-handshake/origin.ts";
import { anyText, fastest, QUADRATIC_MS } from "../untrusted-text.ts";

const MALFORMED_HOSTS = [
  "",
  " ",
  "%%",
  "http://[",
  "[",
  "[]",
  "[::1",
  "::1",
  "[::1]x",
  "a b",
  "a/b",
  "a@b",
  "a?b",
  "a#b",
  "a\\b",
  "a,b",
  "a:b",
  "a:80:80",
  "a:-1",
  "a:65536",
  "a:99999999999999999999",
  "a:8 0",
  "a:0x50",
  ":80",
  "bücher.example",
  "a\u0000",
  "a\r\n",
  "<script>",
];

describe("RFC 9110 §7.2 Host", () => {
  it.each<[string, string, number | undefined]>([
    ["example.com", "example.com", undefined],
    ["EXAMPLE.com", "example.com", undefined],
    ["example.com:8080", "example.com", 8080],
    ["example.com:", "example.com", undefined],
    ["example.com.", "example.com.", undefined],
    ["localhost:0", "localhost", 0],
    ["localhost:65535", "localhost", 65_535],
    ["127.0.0.1:80", "127.0.0.1", 80],
    ["[::1]", "[::1]", undefined],
    ["[::FFFF:127.0.0.1]:443", "[::ffff:127.0.0.1]", 443],
    ["my_service:3000", "my_service", 3000],
    ["xn--bcher-kva.example", "xn--bcher-kva.example", undefined],
  ])("%s is %s, port %s", (text, hostname, port) => {
    expect(parseHost(text)).toEqual({ hostname, port });
  });

  it.each(MALFORMED_HOSTS)("%j is none", (text) => {
    expect(parseHost(text)).toBeUndefined();
  });
});

describe("RFC 6454 §6.2 Origin", () => {
  it.each<[string, string, string, number | undefined]>([
    ["http://example.com", "http", "example.com", 80],
    ["https://example.com", "https", "example.com", 443],
    ["HTTPS://Example.COM:8443", "https", "example.com", 8443],
    ["http://example.com:80", "http", "example.com", 80],
    ["http://[::1]:3000", "http", "[::1]", 3000],
    ["chrome-extension://abcdef", "chrome-extension", "abcdef", undefined],
    ["capacitor://localhost", "capacitor", "localhost", undefined],
    ["file://", "file", "", undefined],
  ])("%s is %s, %s, port %s", (text, scheme, hostname, port) => {
    expect(parseOrigin(text)).toEqual({ scheme, hostname, port });
  });

  it.each([
    "",
    "null",
    "NULL",
    "example.com",
    "//example.com",
    "://example.com",
    "http:example.com",
    "http:/example.com",
    "http:///example.com",
    "http://",
    "http://example.com/",
    "http://example.com/path",
    "http://example.com?q",
    "http://example.com#f",
    "http://user@example.com",
    "http://example.com@evil.example",
    "http://example.com\\@evil.example",
    "http://example.com, http://evil.example",
    "http://a http://b",
    "1http://example.com",
    "ht tp://example.com",
    "javascript://%0aalert(1)",
    "data:text/html,x",
    "file:///",
    "file:///etc/passwd",
    "about:blank",
    ...MALFORMED_HOSTS.map((host) => `http://${host}`),
  ])("%j is none", (text) => {
    expect(parseOrigin(text)).toBeUndefined();
  });
});

describe("same origin", () => {
  it.each<[origin: string, host: string, same: boolean]>([
    ["http://example.com", "example.com", true],
    ["https://example.com", "example.com", true],
    ["http://Example.COM", "example.com", true],
    ["http://example.com", "EXAMPLE.com", true],
    ["http://example.org", "example.com", false],
    ["http://sub.example.com", "example.com", false],
    ["http://example.com", "sub.example.com", false],
    ["http://example.com.evil.example", "example.com", false],
    ["http://evilexample.com", "example.com", false],
    // ports
    ["http://example.com:8080", "example.com:8080", true],
    ["http://example.com:8080", "example.com", false],
    ["http://example.com", "example.com:8080", false],
    ["http://example.com:80", "example.com", true],
    ["http://example.com", "example.com:80", true],
    ["http://example.com", "example.com:", true],
    ["https://example.com", "example.com:443", true],
    ["https://example.com:443", "example.com", true],
    ["http://example.com", "example.com:443", false],
    ["https://example.com", "example.com:80", false],
    ["http://example.com:443", "example.com", false],
    ["https://example.com:80", "example.com", false],
    ["http://localhost:3000", "localhost:3001", false],
    // addresses
    ["http://127.0.0.1:3000", "127.0.0.1:3000", true],
    ["http://127.0.0.1:3000", "localhost:3000", false],
    ["http://[::1]:3000", "[::1]:3000", true],
    // names
    ["http://example.com.", "example.com.", true],
    ["http://example.com.", "example.com", false],
    ["http://example.com", "example.com.", false],
    ["http://xn--bcher-kva.example", "xn--bcher-kva.example", true],
    ["http://bücher.example", "xn--bcher-kva.example", false],
    // no web page of ours
    ["null", "example.com", false],
    ["null", "null", false],
    ["", "example.com", false],
    ["file://", "", false],
    ["file://", "example.com", false],
    ["capacitor://localhost", "localhost", false],
    ["ws://example.com", "example.com", false],
    // malformed on either side
    ["http://[", "example.com", false],
    ["http://example.com/", "example.com", false],
    ["http://%%", "%%", false],
    ["http://example.com", "%%", false],
    ["http://example.com", "", false],
    ["http://example.com", "http://example.com", false],
    ["http://example.com", "example.com, other.example", false],
  ])("%j at %j: %s", (origin, host, same) => {
    expect(isSameOrigin([origin], host)).toBe(same);
  });

  it("holds for a request without an Origin header, which no browser sends", () => {
    expect(isSameOrigin([], "example.com")).toBe(true);
    expect(isSameOrigin([], undefined)).toBe(true);
  });

  it("does not hold for several Origin headers, even equal ones", () => {
    expect(isSameOrigin(["http://example.com", "http://example.com"], "example.com")).toBe(false);
  });

  it("does not hold where the host is unknown", () => {
    expect(isSameOrigin(["http://example.com"], undefined)).toBe(false);
  });

  it("never throws", () => {
    const part = fc.constantFrom(
      "http",
      "://",
      "null",
      "a.b",
      "[",
      "]",
      ":",
      "80",
      "%",
      "@",
      "/",
      "\\",
      " ",
      "é",
      "\u0000",
    );
    const text = fc.oneof(
      anyText,
      fc.array(part).map((parts) => parts.join("")),
    );
    const patterns = compileAllowedOrigins(["*.example.com", "https://a.b:*", "file://"]);
    fc.assert(
      fc.property(text, text, (origin, host) => {
        expect(isSameOrigin([origin], host)).toBeTypeOf("boolean");
        expect(isAllowedOrigin([origin], patterns)).toBeTypeOf("boolean");
      }),
      { numRuns: 2_000 },
    );
  });

  it("of 16 KiB of anything is decided in far less than quadratic time", () => {
    for (const unit of ["a", ".", ":", "[", "]", "://", "http://"]) {
      const text = `http://${unit.repeat(16_384 / unit.length)}`;
      expect(fastest(() => isSameOrigin([text], text))).toBeLessThan(QUADRATIC_MS);
    }
  });
});

describe("allowedOrigins", () => {
  it.each<[pattern: string, origin: string, allowed: boolean]>([
    ["https://app.example.com", "https://app.example.com", true],
    ["https://app.example.com", "HTTPS://APP.example.com", true],
    ["HTTPS://APP.example.com", "https://app.example.com", true],
    ["https://app.example.com", "https://app.example.com:443", true],
    ["https://app.example.com", "http://app.example.com", false],
    ["https://app.example.com", "https://app.example.com:8443", false],
    ["https://app.example.com", "https://example.com", false],
    ["https://app.example.com", "https://x.app.example.com", false],
    ["https://app.example.com:8443", "https://app.example.com:8443", true],
    ["https://app.example.com:8443", "https://app.example.com", false],
    ["https://app.example.com:443", "https://app.example.com", true],
    // any scheme of the web
    ["app.example.com", "https://app.example.com", true],
    ["app.example.com", "http://app.example.com", true],
    ["app.example.com", "http://app.example.com:8080", false],
    ["app.example.com", "capacitor://app.example.com", false],
    ["app.example.com:443", "https://app.example.com", true],
    ["app.example.com:443", "http://app.example.com", false],
    // subdomains
    ["*.example.com", "https://a.example.com", true],
    ["*.example.com", "https://a.b.example.com", true],
    ["*.example.com", "https://example.com", false],
    ["*.example.com", "https://evilexample.com", false],
    ["*.example.com", "https://example.com.evil.example", false],
    ["*.example.com", "https://.example.com", false],
    ["*.example.com", "https://a.example.com:8443", false],
    ["*.example.com", "https://a.example.com.", false],
    ["https://*.example.com:8443", "https://a.example.com:8443", true],
    ["https://*.example.com:8443", "http://a.example.com:8443", false],
    ["*.Example.COM", "https://a.example.com", true],
    // ports
    ["localhost:*", "http://localhost:5173", true],
    ["localhost:*", "http://localhost", true],
    ["localhost:*", "https://localhost:1", true],
    ["localhost:*", "http://localhost.evil.example:5173", false],
    ["http://localhost:*", "https://localhost:5173", false],
    ["https://*.example.com:*", "https://a.example.com:1234", true],
    // addresses
    ["http://127.0.0.1:3000", "http://127.0.0.1:3000", true],
    ["http://[::1]:3000", "http://[::1]:3000", true],
    ["http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000", true],
    // IDN: browsers send punycode
    ["https://bücher.example", "https://xn--bcher-kva.example", true],
    ["*.bücher.example", "https://shop.xn--bcher-kva.example", true],
    ["https://xn--bcher-kva.example", "https://xn--bcher-kva.example", true],
    // schemes beyond the web
    ["capacitor://localhost", "capacitor://localhost", true],
    ["capacitor://localhost", "ionic://localhost", false],
    ["chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop", true],
    ["file://", "file://", true],
    ["file://", "null", false],
    ["https://example.com", "null", false],
    ["https://example.com", "", false],
    ["https://example.com", "https://example.com/", false],
    ["https://example.com", "https://example.com@evil.example", false],
  ])("%s admits %s: %s", (pattern, origin, allowed) => {
    expect(isAllowedOrigin([origin], compileAllowedOrigins([pattern]))).toBe(allowed);
  });

  it("admit what any entry admits, and nothing when empty", () => {
    const allowed = compileAllowedOrigins(["https://a.example", "https://b.example"]);
    expect(isAllowedOrigin(["https://b.example"], allowed)).toBe(true);
    expect(isAllowedOrigin(["https://c.example"], allowed)).toBe(false);
    expect(isAllowedOrigin(["https://a.example"], [])).toBe(false);
  });

  it("do not stop a request without an Origin header, and stop one with several", () => {
    const allowed = compileAllowedOrigins(["https://a.example"]);
    expect(isAllowedOrigin([], allowed)).toBe(true);
    expect(isAllowedOrigin(["https://a.example", "https://a.example"], allowed)).toBe(false);
  });

  it.each([
    "",
    "*",
    "null",
    "NULL",
    "*.",
    "**",
    "*example.com",
    "a.*.example.com",
    "https://",
    "https://*",
    "*://example.com",
    "https://example.com/",
    "https://example.com/path",
    "https://user@example.com",
    "https://example.com?",
    "https://example.com#",
    "https://example.com:port",
    "https://example.com:65536",
    "https://example.com:80:80",
    "https://exa mple.com",
    "https://[::1",
    "example.com\\",
    "exa%6dple.com",
    "file:///tmp",
    "://example.com",
    "example.com\n",
  ])("refuse the entry %j with a TypeError that names it", (pattern) => {
    expect(() => compileAllowedOrigins(["https://ok.example", pattern])).toThrow(TypeError);
    expect(() => compileAllowedOrigins([pattern])).toThrow(/^allowedOrigins must hold .* got "/);
  });

  it.each([undefined, null, 1, /example/, {}])("refuse %s, which is no string", (pattern) => {
    expect(() => compileAllowedOrigins([pattern as never])).toThrow(TypeError);
  });
});
