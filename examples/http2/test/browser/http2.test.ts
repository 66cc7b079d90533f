/** Chromium opens the page's WebSocket on the HTTP/2 connection that brought the page. */
import { ExampleProcess } from "@longwire/testkit";
import { chromium } from "playwright-core";
import { describe, expect, it } from "vitest";

const EXECUTABLE = process.env["LONGWIRE_CHROMIUM"] ?? "/usr/bin/chromium";
const ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"];

const ECHO = `async () => {
  const socket = new WebSocket(location.href.replace("http", "ws") + "socket");
  const received = [];
  let wake;
  socket.onmessage = ({ data }) => { received.push(data); wake?.(); };
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
  for (let count = 0; count < 100; count++) socket.send("x".repeat(count * 100));
  while (received.length < 101) await new Promise((resolve) => (wake = resolve));
  const closed = new Promise((resolve) => (socket.onclose = resolve));
  socket.close(1000);
  const { code, wasClean } = await closed;
  return { greeting: received[0], lengths: received.slice(1).map((text) => text.length), code, wasClean };
}`;

describe("the http2 example in Chromium", () => {
  it("has its WebSockets over HTTP/2, and ends them cleanly", async () => {
    using example = new ExampleProcess("http2", ["--port", "0"]);
    const url = (await example.line()).slice("listening on ".length);
    const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
    try {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      await page.goto(url);
      await page.getByText("this WebSocket came over HTTP/2.0").waitFor();
      expect(await page.evaluate(`(${ECHO})()`)).toEqual({
        greeting: "this WebSocket came over HTTP/2.0",
        lengths: Array.from({ length: 100 }, (_, count) => count * 100),
        code: 1000,
        wasClean: true,
      });
    } finally {
      await browser.close();
    }
  });
});
