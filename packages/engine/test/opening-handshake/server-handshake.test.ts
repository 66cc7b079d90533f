import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resolveCompression } from "../../src/extensions/compression-options.ts";
import {
  acceptHandshake,
  negotiate,
  type AcceptOptions,
} from "../../src/opening-handshake/accept-handshake.ts";
import type { RequestHead } from "../../src/opening-handshake/header-fields.ts";
import { compileAllowedOrigins } from "../../src/opening-handshake/origin.ts";
import {
  checkKey,
  checkOrigin,
  checkRequest,
  isWebSocketUpgrade,
  originRefusal,
  readOffers,
  subprotocols,
  type HandshakeRefusal,
  type HandshakeRequest,
} from "../../src/opening-handshake/server-handshake.ts";
import { anyText, fastest, QUADRATIC_MS } from "../untrusted-text.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

type Lines = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The request of RFC 6455 §1.3 without its Sec-WebSocket-Protocol, with other header lines where `lines` has some. */
function request(lines: Lines = {}, head: Partial<RequestHead> = {}): RequestHead {
  const headers: Lines = {
    Host: "server.example.com",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": KEY,
    Origin: "http://example.com",
    "Sec-WebSocket-Version": "13",
    ...lines,
  };
  const rawHeaders = Object.entries(headers).flatMap(([name, value = []]) =>
    (typeof value === "string" ? [value] : value).flatMap((line) => [name, line]),
  );
  return {
    method: "GET",
    url: "/chat",
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    rawHeaders,
    ...head,
  };
}

function refusal(head: RequestHead): HandshakeRefusal {
  const outcome = checkRequest(head);
  if (!outcome.refused) throw new Error("not refused");
  return outcome;
}

function checked(head: RequestHead): HandshakeRequest {
  const outcome = checkRequest(head);
  if (outcome.refused) throw new Error(outcome.reason);
  return outcome;
}

const VERSION = ["Sec-WebSocket-Version", "13"];
const REQUIRED = [["Upgrade", "websocket"], ["Connection", "Upgrade"], VERSION];

describe("RFC 6455 §4.2.1 server reads a request", () => {
  it("as the RFC has it", () => {
    expect(checkRequest(request({ "Sec-WebSocket-Protocol": "chat, superchat" }))).toEqual({
      refused: false,
      host: "server.example.com",
      origins: ["http://example.com"],
      offeredSubprotocols: ["chat", "superchat"],
      extensionOffers: [],
    });
  });

  it.each<[string, Lines, Partial<RequestHead>?]>([
    ["Firefox's Connection", { Connection: "keep-alive, Upgrade" }],
    ["Connection on two lines", { Connection: ["keep-alive", "upgrade"] }],
    ["Upgrade among others", { Upgrade: "h2c, WebSocket" }],
    ["13 among other versions, as gorilla does", { "Sec-WebSocket-Version": "8, 13" }],
    ["no Origin", { Origin: undefined }],
    [
      "header names in other letters",
      { HOST: undefined, Upgrade: undefined, uPGRADE: "websocket" },
    ],
    ["a port in Host", { Host: "server.example.com:8080" }],
    ["a query", {}, { url: "/?a=//b" }],
    ["slashes further on", {}, { url: "/a//b\\c" }],
    ["HTTP/1.2", {}, { httpVersionMinor: 2 }],
    ["junk in Sec-WebSocket-Extensions", { "Sec-WebSocket-Extensions": "a b; =;;" }],
    [
      "Sec-WebSocket-Extensions: constructor",
      { "Sec-WebSocket-Extensions": "constructor; __proto__" },
    ],
    ["an empty Sec-WebSocket-Protocol", { "Sec-WebSocket-Protocol": "" }],
  ])("with %s", (_, lines, head) => {
    expect(checkRequest(request(lines, head)).refused).toBe(false);
  });

  it.each<[status: number, what: string, lines: Lines, head: Partial<RequestHead>, named: string]>([
    [400, "no Connection", { Connection: undefined }, {}, "Connection"],
    [400, "Connection: keep-alive", { Connection: "keep-alive" }, {}, '"keep-alive"'],
    [400, "Connection: garbage", { Connection: "upgrade/1 \u0000" }, {}, '"upgrade/1 \\u0000"'],
    [426, "no Upgrade", { Upgrade: undefined }, {}, "Upgrade"],
    [426, "Upgrade: h2c", { Upgrade: "h2c" }, {}, '"h2c"'],
    [426, "Upgrade: websocket/13", { Upgrade: "websocket/13" }, {}, '"websocket/13"'],
    [426, "a plain request", { Upgrade: undefined, Connection: "keep-alive" }, {}, "Connection"],
    [405, "POST", {}, { method: "POST" }, '"POST"'],
    [405, "get", {}, { method: "get" }, '"get"'],
    [405, "no method", {}, { method: undefined }, '""'],
    [426, "no version", { "Sec-WebSocket-Version": undefined }, {}, "Sec-WebSocket-Version"],
    [426, "version 8", { "Sec-WebSocket-Version": "8" }, {}, '"8"'],
    [426, "version 130", { "Sec-WebSocket-Version": "130" }, {}, '"130"'],
    [426, "version 013", { "Sec-WebSocket-Version": "013" }, {}, '"013"'],
    [426, "version garbage", { "Sec-WebSocket-Version": "13 or so" }, {}, '"13 or so"'],
    [400, "two versions", { "Sec-WebSocket-Version": ["13", "13"] }, {}, "got 2"],
    [400, "HTTP/1.0", {}, { httpVersionMinor: 0 }, "1.0"],
    [400, "HTTP/0.9", {}, { httpVersionMajor: 0, httpVersionMinor: 9 }, "0.9"],
    [400, "no Host", { Host: undefined }, {}, "Host"],
    [400, "an empty Host", { Host: "" }, {}, '""'],
    [400, "two Hosts", { Host: ["a", "a"] }, {}, '"a, a"'],
    [400, "a malformed Host", { Host: "%%" }, {}, '"%%"'],
    [400, "a URL as Host", { Host: "http://a/" }, {}, '"http://a/"'],
    [
      400,
      "an absolute-form target",
      {},
      { url: "http://evil.example/chat" },
      '"http://evil.example/chat"',
    ],
    [400, "an authority-form target", {}, { url: "evil.example:80" }, '"evil.example:80"'],
    [400, "an asterisk-form target", {}, { url: "*" }, '"*"'],
    [400, "a target with two slashes", {}, { url: "//evil.example/chat" }, '"//evil.example/chat"'],
    [
      400,
      "a target with a backslash",
      {},
      { url: "/\\evil.example/chat" },
      '"/\\\\evil.example/chat"',
    ],
    [400, "an empty target", {}, { url: "" }, '""'],
    [400, "no target", {}, { url: undefined }, '""'],
    [400, "a malformed subprotocol", { "Sec-WebSocket-Protocol": "a b" }, {}, '"a b"'],
    [400, "a repeated subprotocol", { "Sec-WebSocket-Protocol": "a, a" }, {}, '"a"'],
  ])("and refuses with %i: %s", (status, _, lines, head, named) => {
    const outcome = refusal(request(lines, head));
    expect(outcome.status).toBe(status);
    expect(outcome.reason).toContain(named);
    expect(outcome.headers).toContainEqual(VERSION);
  });

  it("names no protocol in a 426 over HTTP/2, where Upgrade and Connection must not be", () => {
    const plain = request({ Upgrade: undefined, Connection: undefined }, { httpVersionMajor: 2 });
    expect(refusal(plain)).toMatchObject({
      status: 426,
      headers: [["Sec-WebSocket-Version", "13"]],
    });
  });

  it("names the version and the protocol in a 426, and the method in a 405", () => {
    expect(refusal(request({ Upgrade: undefined })).headers).toEqual(REQUIRED);
    expect(refusal(request({ "Sec-WebSocket-Version": "8" })).headers).toEqual(REQUIRED);
    expect(refusal(request({}, { method: "POST" })).headers).toEqual([["Allow", "GET"], VERSION]);
    expect(refusal(request({ Host: undefined })).headers).toEqual([VERSION]);
  });

  it("checks in gorilla's order, then its own", () => {
    const faults: Array<[status: number, lines: Lines, head?: Partial<RequestHead>]> = [
      [400, { Connection: "close" }],
      [426, { Upgrade: "h2c" }],
      [405, {}, { method: "POST" }],
      [426, { "Sec-WebSocket-Version": "12" }],
      [400, {}, { httpVersionMinor: 0 }],
      [400, { Host: "%%" }],
      [400, {}, { url: "*" }],
      [400, { "Sec-WebSocket-Protocol": "a b" }],
    ];
    for (let first = 0; first < faults.length; first++) {
      const rest = faults.slice(first);
      const lines = Object.assign({}, ...rest.map(([, one]) => one)) as Lines;
      const head = Object.assign({}, ...rest.map(([, , one]) => one)) as Partial<RequestHead>;
      const [status, alone, headAlone] = faults[first] ?? [0, {}];
      const outcome = refusal(request(lines, head));
      expect(outcome).toEqual(refusal(request(alone, headAlone)));
      expect(outcome.status).toBe(status);
    }
  });

  it("refuses with 500 when the application has set Sec-WebSocket-Extensions", () => {
    const outcome = checkRequest(request(), [["sec-websocket-extensions", "x"]]);
    expect(outcome).toMatchObject({ refused: true, status: 500 });
    expect(checkRequest(request(), [["Set-Cookie", "a=b"]]).refused).toBe(false);
    // The fault of the client comes first, as in gorilla.
    expect(
      checkRequest(request({ Upgrade: "h2c" }), [["Sec-WebSocket-Extensions", "x"]]),
    ).toMatchObject({ status: 426 });
  });

  it("survives a request that has lost its headers (CVE-2024-37890)", () => {
    const filler = Array.from({ length: 4_000 }, (_, index) => `x${index}`);
    expect(checkRequest(request({}, { rawHeaders: filler }))).toMatchObject({
      refused: true,
      status: 426,
    });
    expect(checkRequest(request({}, { rawHeaders: [] }))).toMatchObject({
      refused: true,
      status: 426,
    });
  });
});

describe("RFC 8441 §5 offers without an upgrade", () => {
  it("are read from a request that has neither Upgrade nor key", () => {
    const { rawHeaders } = request({
      Upgrade: undefined,
      Connection: undefined,
      "Sec-WebSocket-Protocol": "chat",
    });
    expect(readOffers({ rawHeaders }, "example.com:8443")).toEqual({
      refused: false,
      host: "example.com:8443",
      origins: ["http://example.com"],
      offeredSubprotocols: ["chat"],
      extensionOffers: [],
    });
  });
});

describe("isWebSocketUpgrade", () => {
  it.each<[lines: Lines, upgrade: boolean]>([
    [{}, true],
    [{ Connection: "keep-alive, UPGRADE", Upgrade: "WEBSOCKET" }, true],
    [{ Connection: undefined }, false],
    [{ Upgrade: undefined }, false],
    [{ Upgrade: "h2c" }, false],
    [{ Connection: "keep-alive" }, false],
    [{ "Sec-WebSocket-Version": undefined, "Sec-WebSocket-Key": undefined }, true],
  ])("of %j: %s", (lines, upgrade) => {
    expect(isWebSocketUpgrade(request(lines))).toBe(upgrade);
  });
});

describe("subprotocols", () => {
  it.each<[value: string | string[] | undefined, offered: string[]]>([
    [undefined, []],
    ["foo", ["foo"]],
    [" foo,, bar ", ["foo", "bar"]],
    [
      ["foo", "bar"],
      ["foo", "bar"],
    ],
    ["foo bar", []],
  ])("of %j are %j", (value, offered) => {
    expect(subprotocols(request({ "Sec-WebSocket-Protocol": value }))).toEqual(offered);
  });
});

describe("RFC 6455 §10.2 server checks the origin", () => {
  const allowed = compileAllowedOrigins(["https://app.example.org"]);

  it.each([[[]], [["http://example.com"]], [["https://app.example.org"]]])(
    "and admits %j",
    (origins) => {
      expect(checkOrigin(origins, "example.com", allowed)).toBeUndefined();
    },
  );

  it.each([
    [["http://evil.example"]],
    [["null"]],
    [[""]],
    [["file://"]],
    [["http://["]],
    [["http://example.com", "https://app.example.org"]],
  ])("and refuses %j with 403", (origins) => {
    const outcome = checkOrigin(origins, "example.com", allowed);
    expect(outcome).toMatchObject({ refused: true, status: 403, headers: [VERSION] });
  });

  it("and says which origin met which host, and what would admit it", () => {
    expect(checkOrigin(["http://evil.example"], "example.com:80", [])?.reason).toBe(
      'origin "http://evil.example" is not that of host "example.com:80", and not in allowedOrigins',
    );
    expect(checkOrigin(["http://evil.example\u001b"], undefined, [])?.reason).toContain("\\u001b");
  });

  it("and names the application's own check when that refuses", () => {
    expect(originRefusal(["http://a"], "b")).toEqual({
      refused: true,
      status: 403,
      reason: 'checkOrigin refused origin "http://a" at host "b"',
      headers: [VERSION],
    });
    expect(originRefusal([], undefined).reason).toContain("origin none");
  });
});

describe("RFC 6455 §4.2.1 server checks Sec-WebSocket-Key", () => {
  it("and takes the one of the RFC", () => {
    expect(checkKey(request())).toEqual({ refused: false, key: KEY });
  });

  it.each([
    ["none", undefined, "got 0"],
    ["two", [KEY, KEY], "got 2"],
    ["two in different letters", undefined, "got 2"],
    ["an empty one", "", '""'],
    ["15 bytes", "AAAAAAAAAAAAAAAAAAAA", '"AAAAAAAAAAAAAAAAAAAA"'],
    ["20 bytes", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "16 bytes"],
    ["no base64", "this is not base64 at al", '"this is not base64 at al"'],
    ["a list", `${KEY}, ${KEY}`, "16 bytes"],
  ])("and refuses %s with 400", (what, value, named) => {
    const extra = what.endsWith("letters")
      ? { "SEC-WEBSOCKET-KEY": KEY, "sec-websocket-key": KEY }
      : {};
    const outcome = checkKey(request({ "Sec-WebSocket-Key": value, ...extra }));
    expect(outcome).toMatchObject({ refused: true, status: 400, headers: [VERSION] });
    expect(outcome).toHaveProperty("reason", expect.stringContaining(named));
  });
});

describe("RFC 6455 §4.2.2 server answers", () => {
  const answer = (lines: Lines, options: AcceptOptions = {}): ReturnType<typeof acceptHandshake> =>
    acceptHandshake(checked(request(lines)), KEY, options);

  it("with Upgrade, Connection and Sec-WebSocket-Accept", () => {
    expect(answer({})).toEqual({
      headers: [
        ["Upgrade", "websocket"],
        ["Connection", "Upgrade"],
        ["Sec-WebSocket-Accept", ACCEPT],
      ],
      subprotocol: "",
      extensions: "",
      deflate: undefined,
    });
  });

  it("with subprotocol, extensions and the application's headers, in this order", () => {
    const outcome = answer(
      {
        "Sec-WebSocket-Protocol": "a, b",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
      },
      {
        subprotocols: ["b", "a"],
        compression: resolveCompression(true),
        headers: [
          ["set-cookie", "a=1"],
          ["Set-Cookie", "b=2"],
        ],
      },
    );
    expect(outcome.headers).toEqual([
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Accept", ACCEPT],
      ["Sec-WebSocket-Protocol", "b"],
      ["Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=12"],
      ["set-cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ]);
    expect(outcome.subprotocol).toBe("b");
    expect(outcome.extensions).toBe("permessage-deflate; client_max_window_bits=12");
    expect(outcome.deflate).toMatchObject({ serverMaxWindowBits: 12, clientMaxWindowBits: 12 });
  });

  it("with no subprotocol that was not offered, and no extension that is off", () => {
    const lines = {
      "Sec-WebSocket-Protocol": "a",
      "Sec-WebSocket-Extensions": "permessage-deflate",
    };
    expect(answer(lines, { subprotocols: ["b"] })).toMatchObject({
      subprotocol: "",
      extensions: "",
    });
    expect(
      answer({}, { subprotocols: ["b"], compression: resolveCompression(true) }).headers,
    ).toHaveLength(3);
  });

  it("without compression when no offer can be met, never with an error", () => {
    for (const offer of [
      "permessage-deflate; server_max_window_bits=7",
      "permessage-deflate; a; b",
      "x;;",
      "__proto__",
    ]) {
      const outcome = answer(
        { "Sec-WebSocket-Extensions": offer },
        { compression: resolveCompression(true) },
      );
      expect(outcome).toMatchObject({ extensions: "", deflate: undefined });
    }
  });

  it.each([
    "Upgrade",
    "connection",
    "SEC-WEBSOCKET-ACCEPT",
    "Sec-Websocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Version",
    "Content-Length",
    "Transfer-Encoding",
    "Trailer",
  ])("and does not take %s from the application", (name) => {
    expect(() => answer({}, { headers: [[name, "x"]] })).toThrow(TypeError);
    expect(() => answer({}, { headers: { [name]: "x" } })).toThrow(name);
  });

  it.each(["a\r\nX: y", "a\nb", "\r", "a\u0000b", "€"])(
    "and does not take the value %j",
    (value) => {
      expect(() => answer({}, { headers: [["X", value]] })).toThrow(TypeError);
    },
  );

  it("and says the same without Upgrade, Connection and key for HTTP/2", () => {
    const offers = checked(request({ "Sec-WebSocket-Protocol": "a" }));
    const { headers } = negotiate(offers, { subprotocols: ["a"], headers: { X: "1" } });
    expect(headers).toEqual([
      ["Sec-WebSocket-Protocol", "a"],
      ["X", "1"],
    ]);
  });
});

describe("untrusted requests", () => {
  const name = fc.constantFrom(
    "Host",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Origin",
    "__proto__",
    "X",
  );
  const value = fc.oneof(
    anyText,
    fc.constantFrom(
      "websocket",
      "Upgrade",
      "13",
      KEY,
      "a.b:80",
      "http://a.b",
      "null",
      "permessage-deflate; client_max_window_bits",
    ),
  );
  const head = fc.record({
    method: fc.constantFrom("GET", "POST", undefined),
    url: fc.oneof(fc.constant("/"), anyText),
    httpVersionMajor: fc.nat(3),
    httpVersionMinor: fc.nat(3),
    rawHeaders: fc.array(fc.tuple(name, value)).map((pairs) => pairs.flat()),
  });

  it("never make a check throw, and never put what they say on our own lines", () => {
    const printable = /^[\x20-\x7e]*$/;
    const options: AcceptOptions = {
      subprotocols: (offered) => offered[0],
      compression: resolveCompression(true),
    };
    fc.assert(
      fc.property(head, fc.boolean(), (input, wellFormed) => {
        const start = wellFormed ? [...request({ Host: "a.b:80" }).rawHeaders] : [];
        const peer = { ...input, rawHeaders: [...start, ...input.rawHeaders] };
        const outcome = checkRequest(peer);
        const key = checkKey(peer);
        const origin = outcome.refused ? undefined : checkOrigin(outcome.origins, outcome.host, []);
        for (const one of [outcome, key, origin]) {
          expect(one?.refused === true ? one.reason : "").toMatch(printable);
        }
        const lines = outcome.refused ? [] : acceptHandshake(outcome, KEY, options).headers;
        for (const line of lines) expect(line.join(": ")).toMatch(printable);
        expect(isWebSocketUpgrade(peer)).toBeTypeOf("boolean");
        expect(subprotocols(peer)).toBeInstanceOf(Array);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    "Connection",
    "Upgrade",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Host",
    "Origin",
    "Sec-WebSocket-Key",
  ])("with 16 KiB of %s are checked in far less than quadratic time", (header) => {
    for (const unit of [" ", ",", "a,", ";a", '"', "\\", "a"]) {
      const peer = request({
        [header]: `upgrade,websocket,13,${unit.repeat(16_384 / unit.length)}x`,
      });
      const run = (): void => {
        const outcome = checkRequest(peer);
        checkKey(peer);
        if (!outcome.refused) checkOrigin(outcome.origins, outcome.host, []);
      };
      expect(fastest(run)).toBeLessThan(QUADRATIC_MS);
    }
  });
});
