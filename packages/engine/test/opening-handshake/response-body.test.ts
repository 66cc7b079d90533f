import { describe, expect, it } from "vitest";
import { ResponseBody } from "../../src/opening-handshake/response-body.ts";
import { ResponseHeadParser } from "../../src/opening-handshake/response-head.ts";

interface Outcome {
  readonly text: string;
  readonly complete: boolean;
}

/** Reads a body whose bytes arrive in pieces, up to 16 bytes of it. */
function read(fields: string, pieces: readonly string[], status = 403): Outcome {
  const parsed = new ResponseHeadParser().push(
    Buffer.from(`HTTP/1.1 ${status} X\r\n${fields}\r\n`, "latin1"),
  );
  if (parsed === undefined) throw new Error("the head is not complete");
  const body = new ResponseBody(parsed.head, 16);
  for (const piece of pieces) body.push(Buffer.from(piece, "latin1"));
  return { text: body.bytes.toString("latin1"), complete: body.complete };
}

const LENGTH_5 = "Content-Length: 5\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";

describe("RFC 9112 §6 a response body", () => {
  it.each<[what: string, fields: string, body: string, text: string, complete: boolean]>([
    ["of a length", LENGTH_5, "helloHTTP/1.1", "hello", true],
    ["that is not yet complete", LENGTH_5, "hel", "hel", false],
    ["of length 0", "Content-Length: 0\r\n", "x", "", true],
    ["to the end of the connection", "", "hello", "hello", false],
    ["that is longer than what is kept", "", "0123456789abcdefg", "0123456789abcdef", true],
    [
      "longer than what is kept, with a length",
      "Content-Length: 17\r\n",
      "0123456789abcdefg",
      "0123456789abcdef",
      true,
    ],
    ["in chunks", CHUNKED, "5\r\nhello\r\n2;x=y\r\n w\r\n0\r\n\r\n", "hello w", true],
    [
      "in chunks of hexadecimal length",
      "transfer-encoding: gzip, Chunked\r\n",
      "00a \r\n0123456789\r\nB\r\n0123456789a\r\n",
      "0123456789012345",
      true,
    ],
    [
      "in chunks, whatever length is told besides",
      LENGTH_5 + CHUNKED,
      "6\r\nhello!\r\n0\r\n",
      "hello!",
      true,
    ],
    ["in chunks that end too early", CHUNKED, "5\r\nhel", "hel", false],
    ["in chunks without size", CHUNKED, "\r\nhello", "", true],
    ["in chunks of a size that is none", CHUNKED, "-5\r\nhello", "", true],
    ["in chunks of a size beyond all measure", CHUNKED, "fffffffffffff\r\nhello", "", true],
    ["in a chunk that is longer than it says", CHUNKED, "5\r\nhello!\r\n", "hello", true],
    ["in chunks with LF alone", CHUNKED, "5\nhello", "", true],
    ["in chunks with an endless size line", CHUNKED, `5;${"x".repeat(300)}`, "", true],
    ["of two lengths", LENGTH_5 + LENGTH_5, "hello", "", true],
    ["of a length that is none", "Content-Length: five\r\n", "hello", "", true],
  ])("%s", (_, fields, body, text, complete) => {
    expect(read(fields, [body])).toEqual({ text, complete });
    expect(read(fields, body.split(""))).toEqual({ text, complete });
  });

  it.each([101, 204, 304])("is empty with status %i", (status) => {
    expect(read(LENGTH_5, ["hello"], status)).toEqual({ text: "", complete: true });
  });
});
