import { describe, expect, it } from "vitest";
import {
  authority,
  buildConnectRequest,
  isTunnel,
  proxyHeaderFields,
  tunnelRefused,
} from "../../src/opening-handshake/connect-tunnel.ts";
import { parseProxyUrl } from "../../src/opening-handshake/proxy-url.ts";
import { serializeRequest } from "../../src/opening-handshake/request-head.ts";

describe("RFC 9110 §9.3.6 CONNECT", () => {
  it("asks for host and port", () => {
    const request = buildConnectRequest("a.example:80", parseProxyUrl("http://p"), []);
    expect(serializeRequest(request).toString()).toBe(
      "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n",
    );
  });

  it("says who we are, and the caller's own headers", () => {
    const proxy = parseProxyUrl("http://Aladdin:open%20sesame@p:1");
    expect(buildConnectRequest("a:1", proxy, [["X-Y", "z"]]).headers).toEqual([
      ["Host", "a:1"],
      ["Proxy-Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
      ["X-Y", "z"],
    ]);
    const own = proxyHeaderFields({ "proxy-authorization": "Bearer x" });
    expect(buildConnectRequest("a:1", proxy, own).headers.slice(1)).toEqual(own);
  });

  it.each(["Host", "content-length", "Transfer-Encoding"])("does not take %s", (name) => {
    expect(() => proxyHeaderFields({ [name]: "x" })).toThrow(TypeError);
  });

  it("writes an IPv6 address in brackets", () => {
    expect(authority("::1", 80)).toBe("[::1]:80");
    expect(authority("127.0.0.1", 80)).toBe("127.0.0.1:80");
  });

  it.each([
    [200, true],
    [204, true],
    [101, false],
    [302, false],
    [407, false],
  ])("status %i is a tunnel: %s", (statusCode, expected) => {
    const head = { statusCode, statusMessage: "", httpVersion: "1.1", headers: {}, rawHeaders: [] };
    expect(isTunnel(head)).toBe(expected);
  });

  it("is refused with the proxy's response", () => {
    const headers = { "proxy-authenticate": "Basic" };
    const head = {
      statusCode: 407,
      statusMessage: "Who?",
      httpVersion: "1.1",
      headers,
      rawHeaders: [],
    };
    const error = tunnelRefused(head, Buffer.from("no"));
    expect(error).toMatchObject({ code: "WS_PROXY_REFUSED", status: 407 });
    expect(error.message).toBe('proxy answered 407 "Who?" to CONNECT');
    expect(error.response).toMatchObject({ headers, body: Buffer.from("no") });
  });
});

describe("URLs of proxies", () => {
  it.each([
    ["http://p", "http", false, true, "p", 80],
    ["http://p:3128/", "http", false, true, "p", 3128],
    ["https://P", "http", true, true, "p", 443],
    ["socks5://p", "socks5", false, false, "p", 1080],
    ["socks5h://[::1]:9050", "socks5", false, true, "::1", 9050],
    ["http://[::1]", "http", false, true, "::1", 80],
  ])("%s", (url, kind, secure, remoteLookup, hostname, port) => {
    const parts = { kind, secure, remoteLookup, hostname, port, credentials: undefined };
    expect(parseProxyUrl(url)).toEqual(parts);
    expect(parseProxyUrl(new URL(url))).toEqual(parts);
  });

  it("give user and password decoded", () => {
    const { credentials } = parseProxyUrl("socks5://us%40r:p%3Aw@p");
    expect(credentials).toEqual({ username: "us@r", password: "p:w" });
  });

  it.each([
    "",
    "p:3128",
    "ftp://p",
    "socks4://p",
    "socks://p",
    "socks5://",
    "http://a b",
    "http://p\n",
  ])("%j is none", (url) => {
    expect(() => parseProxyUrl(url, "HTTP_PROXY")).toThrow(/^HTTP_PROXY must /u);
    expect(() => parseProxyUrl(url)).toThrow(TypeError);
  });

  it("never show a password in errors", () => {
    for (const url of ["ftp://u:secret@p", "http://u:secret@a b", "http://u:secret%ff@p"]) {
      expect(() => parseProxyUrl(url)).toThrow(TypeError);
      expect(() => parseProxyUrl(url)).not.toThrow(/secret/u);
    }
  });
});
