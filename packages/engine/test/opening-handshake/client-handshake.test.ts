import { describe, expect, it } from "vitest";
import { HandshakeError } from "../../src/errors.ts";
import { resolveCompression } from "../../src/extensions/compression-options.ts";
import { acceptHandshake } from "../../src/opening-handshake/accept-handshake.ts";
import { acceptKey, createKey } from "../../src/opening-handshake/accept-key.ts";
import {
  buildHandshakeRequest,
  checkHandshakeResponse,
  type ClientHandshakeOptions,
  type ClientHandshakeRequest,
  type ResponseHead,
} from "../../src/opening-handshake/client-handshake.ts";
import { checkKey, checkRequest } from "../../src/opening-handshake/server-handshake.ts";
import { parseWebSocketUrl } from "../../src/opening-handshake/websocket-url.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

function build(
  options: Partial<ClientHandshakeOptions> = {},
  url = "ws://server.example.com/chat?x=1",
): ClientHandshakeRequest {
  return buildHandshakeRequest(parseWebSocketUrl(url), { key: KEY, ...options });
}

describe("RFC 6455 §4.1 client builds a request", () => {
  it("with the headers of the RFC", () => {
    expect(build()).toEqual({
      method: "GET",
      target: "/chat?x=1",
      headers: [
        ["Host", "server.example.com"],
        ["Upgrade", "websocket"],
        ["Connection", "Upgrade"],
        ["Sec-WebSocket-Key", KEY],
        ["Sec-WebSocket-Version", "13"],
      ],
      key: KEY,
      subprotocols: [],
      deflate: undefined,
    });
  });

  it("with subprotocols, extensions and the caller's headers, in this order", () => {
    const request = build({
      subprotocols: ["chat", "superchat"],
      compression: resolveCompression({ serverMaxWindowBits: 15 }),
      headers: [
        ["Origin", "http://example.com"],
        ["Cookie", "a=b"],
      ],
    });
    expect(request.headers.slice(5)).toEqual([
      ["Sec-WebSocket-Protocol", "chat, superchat"],
      ["Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=12"],
      ["Origin", "http://example.com"],
      ["Cookie", "a=b"],
    ]);
  });

  it("with the caller's Host in place of the URL's", () => {
    const { headers } = build({ headers: { hOST: "virtual.example:81", X: "1" } });
    expect(headers[0]).toEqual(["Host", "virtual.example:81"]);
    expect(headers.slice(5)).toEqual([["X", "1"]]);
  });

  it("with the URL's user and password when the caller asks for that", () => {
    const url = "ws://us%65r:p%C3%A4@a/";
    expect(build({ basicAuth: true }, url).headers).toContainEqual([
      "Authorization",
      `Basic ${Buffer.from("user:pä").toString("base64")}`,
    ]);
    expect(build({ basicAuth: true }).headers).toHaveLength(5);
    expect(() => build({}, url)).toThrow("url has a user or password: set basicAuth");
  });

  it("with the user and password of the caller, before those of the URL", () => {
    const basicAuth = { username: "Aladdin", password: "open sesame" };
    const headers = build({ basicAuth }, "ws://other:pw@a/").headers;
    expect(headers).toContainEqual(["Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]);
  });

  it("with the caller's own Authorization before both", () => {
    const headers = { authorization: "Bearer x" };
    const request = build({ headers, basicAuth: true }, "ws://user:pw@a/");
    expect(request.headers.filter(([name]) => name.toLowerCase() === "authorization")).toEqual([
      ["authorization", "Bearer x"],
    ]);
  });

  it.each([
    { username: "a:b", password: "secret" },
    { username: "a", password: "secret\r\nX: y" },
    { username: "\u0000", password: "secret" },
  ])("and refuses the credentials %j without showing them (RFC 7617 §2)", (basicAuth) => {
    expect(() => build({ basicAuth })).toThrow(TypeError);
    expect(() => build({ basicAuth })).not.toThrow(/secret/);
  });

  it.each([
    "Upgrade",
    "upgrade",
    "CONNECTION",
    "Sec-WebSocket-Key",
    "Sec-Websocket-Key",
    "sec-websocket-key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "sec-websocket-PROTOCOL",
    "Content-Length",
    "Transfer-Encoding",
  ])("and does not take %s from the caller", (name) => {
    expect(() => build({ headers: { [name]: "x" } })).toThrow(TypeError);
    expect(() => build({ headers: [[name, "x"]] })).toThrow(
      `header "${name}" belongs to the handshake`,
    );
  });

  it.each([
    ["a line break in a value", { X: "a\r\nY: b" }],
    ["NUL in a value", { X: "a\u0000" }],
    ["a line break in a name", { "X: y\r\nZ": "b" }],
    ["a line break in Host", { Host: "a\r\nX: y" }],
    ["a path in Host", { Host: "a/b" }],
    ["an empty Host", { Host: "" }],
    ["two Hosts", { Host: ["a", "b"] }],
    ["two Hosts in different letters", { Host: "a", host: "a" }],
  ])("and refuses %s (CVE-2026-1527)", (_, headers) => {
    expect(() => build({ headers })).toThrow(TypeError);
  });

  it.each([["a b"], ["a\r\nX: y"], ["a,b"], [""], ["é"]])(
    "and refuses the subprotocol %j",
    (subprotocol) => {
      expect(() => build({ subprotocols: [subprotocol] })).toThrow(TypeError);
      expect(() => build({ subprotocols: ["a", "a"] })).toThrow(TypeError);
    },
  );
});

type Lines = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The response of RFC 6455 §1.3, with other header lines where `lines` has some. */
function response(
  lines: Lines = {},
  statusCode = 101,
  statusMessage = "Switching Protocols",
): ResponseHead {
  const headers: Lines = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": ACCEPT,
    ...lines,
  };
  const rawHeaders = Object.entries(headers).flatMap(([name, value = []]) =>
    (typeof value === "string" ? [value] : value).flatMap((line) => [name, line]),
  );
  return { statusCode, statusMessage, headers: { server: "test" }, rawHeaders };
}

function failure(
  request: ClientHandshakeRequest,
  head: ResponseHead,
  body?: Buffer,
): HandshakeError {
  try {
    checkHandshakeResponse(request, head, body);
  } catch (error) {
    if (error instanceof HandshakeError) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("RFC 6455 §4.1 client checks the response", () => {
  it("and takes that of the RFC", () => {
    const agreed = checkHandshakeResponse(
      build({ subprotocols: ["chat", "superchat"] }),
      response({ "Sec-WebSocket-Protocol": "chat" }),
    );
    expect(agreed).toEqual({ subprotocol: "chat", extensions: "", deflate: undefined });
  });

  it.each<[string, Lines]>([
    ["other letters", { Upgrade: "WebSocket", Connection: "upgrade" }],
    ["more tokens", { Upgrade: "foo, websocket", Connection: "upgrade, keep-alive" }],
    ["two lines", { Connection: ["keep-alive", "Upgrade"] }],
    ["spaces around the accept value", { "Sec-WebSocket-Accept": ` ${ACCEPT} ` }],
    ["empty extensions", { "Sec-WebSocket-Extensions": "" }],
  ])("and takes %s", (_, lines) => {
    expect(checkHandshakeResponse(build(), response(lines)).subprotocol).toBe("");
  });

  it("and takes a server that chooses none of the subprotocols", () => {
    expect(checkHandshakeResponse(build({ subprotocols: ["a"] }), response()).subprotocol).toBe("");
  });

  it("and takes the extension that it offered", () => {
    const request = build({ compression: resolveCompression(true) });
    const lines = { "Sec-WebSocket-Extensions": 'permessage-deflate;server_max_window_bits="10"' };
    expect(checkHandshakeResponse(request, response(lines))).toEqual({
      subprotocol: "",
      extensions: "permessage-deflate; server_max_window_bits=10",
      deflate: {
        serverNoContextTakeover: false,
        clientNoContextTakeover: false,
        serverMaxWindowBits: 10,
        clientMaxWindowBits: 12,
      },
    });
    expect(checkHandshakeResponse(request, response()).deflate).toBeUndefined();
  });

  const offering: Partial<ClientHandshakeOptions> = {
    subprotocols: ["a", "b"],
    compression: resolveCompression(true),
  };

  it.each<[what: string, lines: Lines, named: string, options?: Partial<ClientHandshakeOptions>]>([
    ["no Upgrade", { Upgrade: undefined }, "Upgrade"],
    ["another Upgrade", { Upgrade: "h2c" }, '"h2c"'],
    ["Upgrade: websocket/13", { Upgrade: "websocket/13" }, '"websocket/13"'],
    ["no Connection", { Connection: undefined }, "Connection"],
    ["Connection: close", { Connection: "close" }, '"close"'],
    ["no accept value", { "Sec-WebSocket-Accept": undefined }, ACCEPT],
    ["an empty accept value", { "Sec-WebSocket-Accept": "" }, ACCEPT],
    [
      "that of another key",
      { "Sec-WebSocket-Accept": acceptKey("AAAAAAAAAAAAAAAAAAAAAA==") },
      ACCEPT,
    ],
    ["it in other letters", { "Sec-WebSocket-Accept": ACCEPT.toLowerCase() }, ACCEPT],
    ["it twice", { "Sec-WebSocket-Accept": [ACCEPT, ACCEPT] }, ACCEPT],
    ["the key itself", { "Sec-WebSocket-Accept": KEY }, ACCEPT],
    ["a subprotocol unasked", { "Sec-WebSocket-Protocol": "a" }, "offered was none", {}],
    ["another subprotocol", { "Sec-WebSocket-Protocol": "c" }, '"c", offered was a, b'],
    ["the subprotocol in other letters", { "Sec-WebSocket-Protocol": "A" }, '"A"'],
    ["two subprotocols", { "Sec-WebSocket-Protocol": "a, b" }, '"a, b"'],
    ["two subprotocol lines", { "Sec-WebSocket-Protocol": ["a", "a"] }, '"a, a"'],
    ["an empty subprotocol", { "Sec-WebSocket-Protocol": "" }, '""'],
    [
      "an extension unasked",
      { "Sec-WebSocket-Extensions": "permessage-deflate" },
      "none was offered",
      {},
    ],
    ["another extension", { "Sec-WebSocket-Extensions": "foo" }, '"foo" was not offered'],
    ["__proto__", { "Sec-WebSocket-Extensions": "__proto__" }, '"__proto__"'],
    [
      "the extension twice",
      {
        "Sec-WebSocket-Extensions": [
          "permessage-deflate; server_max_window_bits=12",
          "permessage-deflate; server_max_window_bits=12",
        ],
      },
      "one was offered",
    ],
    [
      "a second extension",
      { "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=12, foo" },
      "one was offered",
    ],
    [
      "server_max_window_bits=16 (CVE-2026-2229)",
      { "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=16" },
      '"16"',
    ],
    [
      "malformed extensions",
      { "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=12 junk" },
      "cannot be parsed",
    ],
  ])("and refuses %s", (_, lines, named, options = offering) => {
    const error = failure(build(options), response(lines));
    expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 101 });
    expect(error.message).toContain(named);
  });

  it.each([
    [200, "OK"],
    [302, "Found"],
    [401, "Unauthorized"],
    [426, ""],
    [0, ""],
  ])("and refuses %i, showing the response", (status, statusText) => {
    const body = Buffer.from("go away");
    const error = failure(build(), response({}, status, statusText), body);
    expect(error.status).toBe(status);
    expect(error.message).toContain(`server answered ${status}`);
    expect(error.response).toEqual({ status, statusText, headers: { server: "test" }, body });
  });

  it("and shows an empty body where there is none, and nothing unprintable", () => {
    const error = failure(build(), response({}, 500, "\u001b[31m"));
    expect(error.response?.body).toHaveLength(0);
    expect(error.message).toBe('server answered 500 "\\u001b[31m" instead of 101');
  });

  it("and refuses a 101 of HTTP/1.0", () => {
    const error = failure(build(), { ...response(), httpVersion: "1.0" });
    expect(error).toMatchObject({ status: 101, message: "101 must be HTTP/1.1, got HTTP/1.0" });
  });

  it("and refuses a response without status", () => {
    const error = failure(build(), { headers: {}, rawHeaders: [] });
    expect(error).toMatchObject({ status: 0, message: "server answered 0 instead of 101" });
  });
});

describe("RFC 6455 §4 both sides of the opening handshake", () => {
  it.each<[string, Partial<ClientHandshakeOptions>, string, string]>([
    ["nothing", {}, "", ""],
    [
      "everything",
      {
        subprotocols: ["x", "chat"],
        compression: resolveCompression(true),
        headers: { Origin: "https://a.example", "X-Y": "z" },
      },
      "chat",
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
    ],
  ])("agree on %s", (_, options, subprotocol, extensions) => {
    const key = createKey();
    const request = build({ ...options, key }, "wss://a.example/chat");
    const head = {
      method: request.method,
      url: request.target,
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      rawHeaders: request.headers.flat(),
    };
    const checkedRequest = checkRequest(head);
    const checkedKey = checkKey(head);
    if (checkedRequest.refused || checkedKey.refused) throw new Error("refused");
    const accepted = acceptHandshake(checkedRequest, checkedKey.key, {
      subprotocols: ["chat"],
      compression: resolveCompression(true),
    });
    const agreed = checkHandshakeResponse(request, {
      statusCode: 101,
      headers: {},
      rawHeaders: accepted.headers.flat(),
    });
    expect(agreed).toEqual({ subprotocol, extensions, deflate: accepted.deflate });
    expect(accepted).toMatchObject({ subprotocol, extensions });
  });
});
