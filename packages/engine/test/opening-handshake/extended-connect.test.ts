import { describe, expect, it } from "vitest";
import { buildHandshakeRequest } from "../../src/opening-handshake/client-handshake.ts";
import {
  checkConnectResponse,
  connectKind,
  extendedConnectHeaders,
  isConnected,
  presentAsHttp1,
  presentAsUpgrade,
} from "../../src/opening-handshake/extended-connect.ts";
import { parseWebSocketUrl } from "../../src/opening-handshake/websocket-url.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

// RFC 8441 §5.1, the example.
const EXAMPLE = [
  [":method", "CONNECT"],
  [":protocol", "websocket"],
  [":scheme", "https"],
  [":path", "/chat"],
  [":authority", "server.example.com"],
  ["sec-websocket-protocol", "chat, superchat"],
  ["sec-websocket-extensions", "permessage-deflate"],
  ["sec-websocket-version", "13"],
  ["origin", "http://www.example.com"],
].flat();

describe("RFC 8441 §5: the server's view of an extended CONNECT request", () => {
  it("is an upgrade request with the method GET", () => {
    expect(presentAsUpgrade(EXAMPLE)).toEqual({
      method: "GET",
      url: "/chat",
      rawHeaders: [
        ["host", "server.example.com"],
        ["sec-websocket-protocol", "chat, superchat"],
        ["sec-websocket-extensions", "permessage-deflate"],
        ["sec-websocket-version", "13"],
        ["origin", "http://www.example.com"],
        ["Upgrade", "websocket"],
        ["Connection", "Upgrade"],
      ].flat(),
    });
  });

  it("takes the host from :authority alone", () => {
    const { rawHeaders } = presentAsUpgrade([...EXAMPLE, "host", "evil.example"]);
    expect(rawHeaders.slice(0, 2)).toEqual(["host", "server.example.com"]);
    expect(rawHeaders).not.toContain("evil.example");
  });

  it("joins the lines of Cookie (RFC 9113 §8.2.3)", () => {
    const { rawHeaders } = presentAsUpgrade([...EXAMPLE, "cookie", "a=1", "cookie", "b=2"]);
    expect(rawHeaders[rawHeaders.indexOf("cookie") + 1]).toBe("a=1; b=2");
    expect(rawHeaders.filter((text) => text === "cookie")).toHaveLength(1);
  });

  it("and that of an ordinary request keeps its method, with Host where there is no :authority", () => {
    expect(
      presentAsHttp1([":method", "POST", ":path", "/a", "host", "old.example", "x-a", "1"]),
    ).toEqual({
      method: "POST",
      url: "/a",
      rawHeaders: ["host", "old.example", "x-a", "1"],
    });
  });

  it.each([
    ["websocket", "websocket"],
    ["WebSocket", "websocket"],
    ["connect-udp", "other-protocol"],
    ["", "other-protocol"],
    [undefined, "tunnel"],
  ])(":protocol %s is %s", (protocol, kind) => {
    expect(connectKind(protocol)).toBe(kind);
  });
});

describe("RFC 8441 §5: the client's request", () => {
  const target = parseWebSocketUrl("wss://server.example.com/chat?a=1");
  const request = buildHandshakeRequest(target, {
    key: KEY,
    subprotocols: ["chat"],
    headers: [
      ["Origin", "https://a.example"],
      ["__proto__", "x"],
      ["X-Two", "1"],
      ["x-two", "2"],
    ],
  });

  it("has the target in pseudo-header fields and the other fields in lower case", () => {
    expect(Object.entries(extendedConnectHeaders(request, true))).toEqual([
      [":method", "CONNECT"],
      [":protocol", "websocket"],
      [":scheme", "https"],
      [":path", "/chat?a=1"],
      [":authority", "server.example.com"],
      ["sec-websocket-version", "13"],
      ["sec-websocket-protocol", "chat"],
      ["origin", "https://a.example"],
      ["__proto__", "x"],
      ["x-two", ["1", "2"]],
    ]);
  });

  it('has the scheme "http" for ws:', () => {
    expect(extendedConnectHeaders(request, false)[":scheme"]).toBe("http");
  });

  it.each([200, 201, 299])("is accepted with %i", (statusCode) => {
    expect(isConnected({ statusCode })).toBe(true);
    const response = { statusCode, headers: {}, rawHeaders: ["sec-websocket-protocol", "chat"] };
    expect(checkConnectResponse(request, response)).toMatchObject({ subprotocol: "chat" });
  });

  it.each([101, 304, 404, 501])("is refused with %i", (statusCode) => {
    const response = { statusCode, headers: { a: "b" }, rawHeaders: [] };
    const body = Buffer.from("why");
    expect(() => checkConnectResponse(request, response, body)).toThrow(
      expect.objectContaining({
        code: "WS_BAD_HANDSHAKE",
        status: statusCode,
        response: expect.objectContaining({ headers: { a: "b" }, body }) as unknown,
      }),
    );
  });

  it("fails when the server chooses what was not offered", () => {
    for (const rawHeaders of [
      ["sec-websocket-protocol", "other"],
      ["sec-websocket-extensions", "permessage-deflate"],
    ]) {
      const response = { statusCode: 200, headers: {}, rawHeaders };
      expect(() => checkConnectResponse(request, response)).toThrow(/^server chose/u);
    }
  });
});
