import { describe, expect, it } from "vitest";
import { parseWebSocketUrl } from "../../src/opening-handshake/websocket-url.ts";

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
    const parts = { secure, hostname, port, host, target, authorization: undefined };
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

  it("turn user and password into Basic authorization (RFC 7617)", () => {
    expect(parseWebSocketUrl("ws://Aladdin:open%20sesame@a/").authorization).toBe(
      "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    );
    expect(parseWebSocketUrl("ws://user@a/").authorization).toBe(`Basic ${btoa("user:")}`);
    expect(parseWebSocketUrl("ws://:pw@a/").authorization).toBe(`Basic ${btoa(":pw")}`);
    expect(parseWebSocketUrl("ws://t%C3%A9st:%0d%0a@a/").authorization).toBe(
      `Basic ${Buffer.from("tést:\r\n").toString("base64")}`,
    );
    expect(parseWebSocketUrl("ws://user:pw@a/").host).toBe("a");
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
