/** The example as a process, with clients of both HTTP versions. */
import { dial } from "@longwire/engine";
import { ExampleProcess } from "@longwire/testkit";
import { describe, expect, it } from "vitest";

async function start(): Promise<{ example: ExampleProcess; url: string }> {
  const example = new ExampleProcess("http2", ["--port", "0", "--host", "127.0.0.1"]);
  const url = (await example.line()).slice("listening on ".length);
  return { example, url: `${url.replace("https", "wss")}/socket` };
}

const tls = { rejectUnauthorized: false };

describe("the http2 example", () => {
  it("takes WebSockets over HTTP/2 and HTTP/1.1, and says goodbye to both", async () => {
    const { example, url } = await start();
    using _ = example;
    const both = await Promise.all([dial(url, { tls, http2: "auto" }), dial(url, { tls })]);
    const greetings = await Promise.all(both.map(({ conn }) => conn.readMessage()));
    expect(greetings.map((message) => message.text())).toEqual([
      "this WebSocket came over HTTP/2.0",
      "this WebSocket came over HTTP/1.1",
    ]);
    example.kill();
    const ends = await Promise.all(both.map(({ conn }) => conn.discard()));
    expect(ends.map(({ code }) => code)).toEqual([1001, 1001]);
    expect(await example.exited()).toEqual({ code: 0, stderr: "" });
  });
});
