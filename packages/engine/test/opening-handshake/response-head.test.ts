import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HandshakeError } from "../../src/errors.ts";
import { ResponseBody } from "../../src/opening-handshake/response-body.ts";
import {
  MAX_RESPONSE_HEAD_BYTES,
  ResponseHeadParser,
  type ReceivedHead,
} from "../../src/opening-handshake/response-head.ts";

interface Parsed {
  readonly head: ReceivedHead;
  readonly rest: string;
}

/** Parses text that arrives in pieces. */
function parse(...pieces: string[]): Parsed | undefined {
  const parser = new ResponseHeadParser();
  for (const [at, piece] of pieces.entries()) {
    const parsed = parser.push(Buffer.from(piece, "latin1"));
    if (parsed !== undefined) {
      const later = pieces.slice(at + 1).join("");
      return { head: parsed.head, rest: parsed.rest.toString("latin1") + later };
    }
  }
  return undefined;
}

const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX-A:\t a b \t\r\nx-a:c\r\nEmpty:\r\n\r\n";

describe("RFC 9112 §2 a response head", () => {
  it("is a status line and header lines", () => {
    expect(parse(`${SWITCHING}\u0081\u0000`)).toEqual({
      head: {
        httpVersion: "1.1",
        statusCode: 101,
        statusMessage: "Switching Protocols",
        rawHeaders: ["Upgrade", "websocket", "X-A", "a b", "x-a", "c", "Empty", ""],
        headers: { upgrade: "websocket", "x-a": "a b, c", empty: "" },
      },
      rest: "\u0081\u0000",
    });
  });

  it("is the same wherever the bytes are split", () => {
    const text = `HTTP/1.1 100 Continue\r\n\r\n${SWITCHING}\u0081\u0000`;
    const whole = parse(text);
    expect(whole?.head.statusCode).toBe(101);
    for (let split = 0; split <= text.length; split++) {
      expect(parse(text.slice(0, split), text.slice(split))).toEqual(whole);
    }
    expect(parse(...text.split(""))).toEqual(whole);
  });

  it.each([
    ["HTTP/1.1 200 OK", 200, "OK", "1.1"],
    ["HTTP/1.1 200 ", 200, "", "1.1"],
    ["HTTP/1.1 200", 200, "", "1.1"],
    ["HTTP/1.0 404 Not Found", 404, "Not Found", "1.0"],
    ["HTTP/1.1 999 \u00e9", 999, "\u00e9", "1.1"],
  ])("has the status line %j", (line, statusCode, statusMessage, httpVersion) => {
    expect(parse(`${line}\r\n\r\n`)?.head).toMatchObject({
      statusCode,
      statusMessage,
      httpVersion,
    });
  });

  it("keeps several cookies apart, and takes names of the peer's for nothing but names", () => {
    const text =
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n__proto__: x\r\nconstructor: y\r\n\r\n";
    const headers = parse(text)?.head.headers;
    expect(headers?.["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(Object.keys(headers ?? {})).toEqual(["set-cookie", "__proto__", "constructor"]);
    expect(headers?.["toString"]).toBeUndefined();
  });

  it("skips interim responses, however many (RFC 9110 §15.2)", () => {
    const interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    expect(parse(interim.repeat(3) + SWITCHING)?.head.rawHeaders).not.toContain("Link");
  });

  it.each([
    "SSH-2.0-OpenSSH_9.2\r\n",
    "\u0015\u0003\u0001",
    "HTTP/2 ",
    "http/1.1 101",
    "220 smtp.example ESMTP\r\n",
    "\r\nHTTP/1.1 101 X\r\n\r\n",
    "HTTP/1.2 101 X\r\n",
    "HTTP/1.1  101 X\r\n",
    "HTTP/1.1 1011 X\r\n",
    "HTTP/1.1 10\r\n",
    "HTTP/1.1 099 X\r\n",
    "HTTP/1.1 +99 X\r\n",
    "HTTP/1.1 1e2 X\r\n",
    "HTTP/1.1\t101 X\r\n",
    "HTTP/1.1 101 a\u0000b\r\n",
    "HTTP/1.1 101 a\rb\r\n",
    "HTTP/1.1 101 X\n",
    "HTTP/1.1 101 X\r\nA: b\n",
    "HTTP/1.1 101 X\r\nA: b\r\n\n",
    "HTTP/1.1 101 X\r\nA : b\r\n",
    "HTTP/1.1 101 X\r\nA\r\n",
    "HTTP/1.1 101 X\r\n: b\r\n",
    "HTTP/1.1 101 X\r\n A: b\r\n",
    "HTTP/1.1 101 X\r\nA: b\r\n folded\r\n",
    "HTTP/1.1 101 X\r\nA: b\r\r\n",
    "HTTP/1.1 101 X\r\nA: \u0000\r\n",
    "HTTP/1.1 101 X\r\nA: \u001b[31m\r\n",
    "HTTP/1.1 101 X\r\nA\u00e9: b\r\n",
  ])("is not %j", (text) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: "WS_BAD_HANDSHAKE", status: 0 }),
    );
    expect(() => parse(...text.split(""))).toThrow(/^response cannot be parsed: /u);
  });

  it("is told from another protocol at its first byte, which may be its last for long", () => {
    expect(() => parse("S")).toThrow("expected an HTTP/1.1 status line");
    expect(parse("H")).toBeUndefined();
    expect(parse("HTTP/1.1 ")).toBeUndefined();
  });

  it("shows nothing unprintable of what it refuses", () => {
    expect(() => parse("\u001b[31m\r\n")).toThrow('"\\u001b[31m');
  });
});

describe("the limit of a response head", () => {
  const line = `X: ${"a".repeat(MAX_RESPONSE_HEAD_BYTES)}`;
  const start = "HTTP/1.1 101 X\r\n";

  it("lets 64 KiB pass", () => {
    const fits = `${start}${line.slice(0, MAX_RESPONSE_HEAD_BYTES - start.length - 4)}\r\n\r\n`;
    expect(fits).toHaveLength(MAX_RESPONSE_HEAD_BYTES);
    expect(parse(`${fits}behind`)?.rest).toBe("behind");
    expect(parse(fits.slice(0, 40_000), fits.slice(40_000))?.rest).toBe("");
  });

  it.each([
    [
      "one byte more",
      `${start}${line.slice(0, MAX_RESPONSE_HEAD_BYTES - start.length - 3)}\r\n\r\n`,
    ],
    ["a line without end", start + line],
    ["lines without end", start + "A: b\r\n".repeat(20_000)],
    ["interim responses without end", "HTTP/1.1 100 X\r\n\r\n".repeat(4000)],
  ])("refuses %s", (_, text) => {
    const pieces = text.match(/[^]{1,10000}/gu) ?? [];
    expect(() => parse(...pieces)).toThrow("its head is longer than 65536 bytes");
  });

  it("holds for 64 KiB that trickle in byte by byte, in linear time", () => {
    const parser = new ResponseHeadParser();
    const bytes = Buffer.from(start + line);
    for (let at = 0; at < MAX_RESPONSE_HEAD_BYTES; at++) parser.push(bytes.subarray(at, at + 1));
    expect(() => parser.push(Buffer.from("a"))).toThrow("longer than");
  });
});

describe("any bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .array(
        fc.constantFrom("HTTP/1.1 ", "101", " X", "\r\n", "\n", "\r", "A", ":", " ", "\u0000", "é"),
      )
      .map((parts) => Buffer.from(parts.join(""), "latin1")),
  );

  it("give a head or a HandshakeError, the same however they are split", () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.integer({ min: 1, max: 20 })), (given, sizes) => {
        const outcome = (pieces: readonly Uint8Array[]): unknown => {
          const parser = new ResponseHeadParser();
          try {
            for (const piece of pieces) {
              const parsed = parser.push(Buffer.from(piece));
              if (parsed !== undefined) return parsed.head;
            }
            return "incomplete";
          } catch (error) {
            return error instanceof HandshakeError ? "refused" : error;
          }
        };
        const pieces: Uint8Array[] = [];
        let at = 0;
        for (const size of sizes) pieces.push(given.subarray(at, (at += size)));
        pieces.push(given.subarray(at));
        const whole = outcome([given]);
        expect(whole).not.toBeInstanceOf(Error);
        expect(outcome(pieces)).toEqual(whole);
      }),
    );
  });

  it("never make the body throw, nor keep more than the limit", () => {
    const head = {
      httpVersion: "1.1",
      statusCode: 500,
      statusMessage: "",
      headers: {},
      rawHeaders: ["Transfer-Encoding", "chunked"],
    };
    fc.assert(
      fc.property(fc.array(bytes), (chunks) => {
        const body = new ResponseBody(head, 16);
        for (const chunk of chunks) body.push(Buffer.from(chunk));
        expect(body.bytes.length).toBeLessThanOrEqual(16);
      }),
    );
  });
});
