import { describe, expect, it } from "vitest";
import { httpUrl, parseWebSocketUrl } from "../../src/opening-handshake/websocket-url.ts";

describe("RFC 6455 §3 WebSocket URIs", () => {
  it.each<
    [url: string, secure: boolean, hostname: string, port: number, host: string, target: string]
  >([
    ["ws://example.com", false, "example.com", 80, "example.com", "/"],
    ["wss://example.com", true, "example.com", 443, "example.com", "/"],
    ["WS://EXAMPLE.com/", false, "example.com", 80, "example.com", "/"],
    ["ws://example.com:80/", false, "example.com", 80, "example.com", "/"],
    ["wss://example.com:443/", true, "example.com", 443, "example.com", "/"],
    ["ws://example.com:443/", false, "example.com", 443, "example.com:443", "/"],
    ["wss://example.com:80/", true, "example.com", 80, "example.com:80", "/"],
    [
      "ws://example.com:7777/chat?a=b&c",
      false,
      "example.com",
      7777,
      "example.com:7777",
      "/chat?a=b&c",
    ],
    ["ws://example.com?q", false, "example.com", 80, "example.com", "/?q"],
    ["ws://[::1]:3000/x", false, "::1", 3000, "[::1]:3000", "/x"],
    ["ws://127.0.0.1/", false, "127.0.0.1", 80, "127.0.0.1", "/"],
    [
      "wss://bücher.example/ü",
      true,
      "xn--bcher-kva.example",
      443,
      "xn--bcher-kva.example",
      "/%C3%BC",
    ],
    ["ws://a/b c", false, "a", 80, "a", "/b%20c"],
  ])("%s", (url, secure, hostname, port, host, target) => {
    const parts = { secure, hostname, port, host, target, credentials: undefined };
    expect(parseWebSocketUrl(url)).toEqual(parts);
    expect(parseWebSocketUrl(new URL(url))).toEqual(parts);
  });

  it.each([
    "",
    "/chat",
    "example.com",
    "//example.com/",
    "http://example.com/",
    "https://example.com/",
    "ftp://example.com/",
    "ws:",
    "ws://",
    "ws://[::1",
    "ws://a:65536/",
    "ws://a b/",
    "ws://example.com/#fragment",
    "ws://example.com/a\r\nX: y",
    "ws://example.com/\n",
    "ws://example.com/\t",
    "ws://example.com/\u0000",
    "\nws://example.com/",
    "ws://example.com/\u007f",
  ])("%j is none", (url) => {
    expect(() => parseWebSocketUrl(url)).toThrow(TypeError);
    expect(() => parseWebSocketUrl(url)).toThrow(/^url must /);
  });

  it.each([
    ["ws://Aladdin:open%20sesame@a/", "Aladdin", "open sesame"],
    ["ws://user@a/", "user", ""],
    ["ws://:pw@a/", "", "pw"],
    ["ws://t%C3%A9st:a%3Ab@a/", "tést", "a:b"],
  ])("give user and password of %s apart from the host", (url, username, password) => {
    expect(parseWebSocketUrl(url).credentials).toEqual({ username, password });
    expect(parseWebSocketUrl(url).host).toBe("a");
  });

  it.each([
    "ws://user:secret@a b/",
    "ws://user:secret@a/\n",
    "ws://user:secret%ff@a/",
    "ws://user:secret%@a/",
  ])("keep the password out of messages: %j", (url) => {
    expect(() => parseWebSocketUrl(url)).toThrow(TypeError);
    expect(() => parseWebSocketUrl(url)).not.toThrow(/secret/);
  });
});

describe("ws+unix: URLs", () => {
  it.each([
    ["ws+unix:/tmp/a.sock", "/tmp/a.sock", "/"],
    ["ws+unix:///tmp/a.sock", "/tmp/a.sock", "/"],
    ["ws+unix:/tmp/a.sock:/chat?x=1", "/tmp/a.sock", "/chat?x=1"],
    ["ws+unix:/tmp/a.sock:/a:b", "/tmp/a.sock", "/a:b"],
    ["ws+unix:/tmp/a%3Ab%20c%23.sock:/", "/tmp/a:b c#.sock", "/"],
    ["ws+unix:./a.sock:/x y?ü", "./a.sock", "/x%20y?%C3%BC"],
    ["ws+unix:/a.sock://b/c", "/a.sock", "//b/c"],
    ["ws+unix:%00abstract:/x", "\u0000abstract", "/x"],
    ["ws+unix:/tmp/a.sock?x", "/tmp/a.sock", "/?x"],
  ])("%s", (url, socketPath, target) => {
    const parts = { secure: false, hostname: "localhost", port: 80, host: "localhost" };
    expect(parseWebSocketUrl(url)).toEqual({ ...parts, socketPath, target });
    expect(parseWebSocketUrl(new URL(url))).toMatchObject({ socketPath, target });
  });

  it.each([
    "ws+unix:",
    "ws+unix://host/tmp/a.sock",
    "ws+unix:/tmp/a.sock:x",
    "ws+unix:/tmp/a%00b",
    "ws+unix:/tmp/a%ff",
    "ws+unix:/tmp/a.sock:/#x",
    "wss+unix:/tmp/a.sock",
  ])("%j is none", (url) => {
    expect(() => parseWebSocketUrl(url)).toThrow(TypeError);
  });
});

it.each([
  ["ws://a/b?c", "http://a/b?c"],
  ["wss://a:444/", "https://a:444/"],
  ["ws+unix:/tmp/a.sock:/b", "http://localhost/b"],
])("the http form of %s is %s", (url, expected) => {
  expect(httpUrl(parseWebSocketUrl(url))).toBe(expected);
});
