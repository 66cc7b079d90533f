/** Chromium and permessage-deflate with context takeover: 10,000 messages of mixed sizes there and back. */
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EchoServer } from "../../src/echo-server.ts";
import { startEngine } from "../../src/engine.ts";

const EXECUTABLE = process.env["LONGWIRE_CHROMIUM"] ?? "/usr/bin/chromium";
const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const MESSAGES = 10_000;

let browser: Browser;
let server: EchoServer;

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
  server = await startEngine({ host: "127.0.0.1", port: 0, upgrade: { compression: true } });
});

afterAll(async () => {
  await browser.close();
  await server.close();
});

/** Runs in the page. Sends messages that a seed determines, in batches, and compares each echo with what was sent. */
const ECHO_ALL = `async ({ url, messages }) => {
  let state = 17;
  const below = (end) => {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return (state >>> 0) % end;
  };
  const words = "order user item price colour state update signal garden 東京 ñandú".split(" ");
  const make = () => {
    const length = below(100) < 3 ? below(40000) : below(1500);
    let text = "";
    while (text.length < length) text += '{"' + words[below(words.length)] + '":' + below(100000) + "},";
    return below(2) === 0 ? text : new TextEncoder().encode(text);
  };
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
  const sent = [];
  let equal = 0;
  let wrong = 0;
  let wake;
  socket.onmessage = ({ data }) => {
    const expected = sent.shift();
    const same = typeof expected === "string"
      ? data === expected
      : data instanceof ArrayBuffer && data.byteLength === expected.length && new Uint8Array(data).every((byte, at) => byte === expected[at]);
    if (same) equal++; else wrong++;
    if (sent.length === 0) wake();
  };
  for (let done = 0; done < messages; done += 100) {
    const empty = new Promise((resolve) => (wake = resolve));
    for (let more = 0; more < 100; more++) {
      const message = make();
      sent.push(message);
      socket.send(message);
    }
    await empty;
  }
  const closed = new Promise((resolve) => (socket.onclose = resolve));
  const { extensions } = socket;
  socket.close(1000);
  const { code, wasClean } = await closed;
  return { extensions, equal, wrong, code, wasClean };
}`;

describe("the echo server with --compression in Chromium", () => {
  it.each(["/", "/each", "/stream", "/prepared"])(
    "gives every message back on %s",
    async (path) => {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.port}/http`); // the page's origin is the server's
      const url = `ws://127.0.0.1:${server.port}${path}`;
      const run = `(${ECHO_ALL})(${JSON.stringify({ url, messages: MESSAGES })})`;
      const result: unknown = await page.evaluate(run);
      expect(result).toEqual({
        extensions: expect.stringContaining("permessage-deflate") as unknown,
        equal: MESSAGES,
        wrong: 0,
        code: 1000,
        wasClean: true,
      });
      expect((result as { extensions: string }).extensions).not.toContain("no_context_takeover");
      await page.close();
    },
  );
});
