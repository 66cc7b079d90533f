/** The server for the Autobahn suite: every path echoes, plain and compressed, up to the largest message of the suite. */
import { ExampleProcess, RawPeer, rawFrame, WsPeer } from "@longwire/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let example: ExampleProcess;
let url: string;

beforeAll(async () => {
  example = new ExampleProcess("autobahn", ["server", "--port", "0"]);
  url = (await example.line()).slice("listening on ".length);
}, 60_000);

afterAll(() => example[Symbol.dispose]());

const SIXTEEN_MIB = 16 * 1024 * 1024;

describe.each(["/m", "/r", "/e", "/u", "/p"])("path %s", (path) => {
  it.each([false, true])("echoes text and binary, compression %s", async (compression) => {
    using peer = await WsPeer.open(url + path, { compression });
    expect(peer.socket.extensions).toBe(compression ? "permessage-deflate" : "");
    for (const message of [
      "",
      "héllo",
      "x".repeat(70_000),
      Buffer.from([0, 255]),
      Buffer.alloc(SIXTEEN_MIB, "ab"),
    ]) {
      peer.send(message);
      const echo = await peer.next();
      expect(typeof echo === typeof message && Buffer.from(message).equals(Buffer.from(echo))).toBe(
        true,
      );
    }
    expect((await peer.close()).code).toBe(1000);
  });

  it("takes 4 MiB in fragments of 64 bytes", async () => {
    using peer = await RawPeer.upgrade(Number(new URL(url).port), path);
    const fragment = Buffer.alloc(64, "f");
    const count = 65_536;
    for (let at = 0; at < count; at++) {
      peer.send(
        rawFrame({
          opcode: at === 0 ? 2 : 0,
          fin: at === count - 1,
          payload: fragment,
        }),
      );
    }
    let bytes = 0;
    for (;;) {
      const frame = await peer.readFrame();
      bytes += frame.payload.length;
      if (frame.fin) break;
    }
    expect(bytes).toBe(64 * count);
  });
});

describe("any other path", () => {
  it("is 404 and names the paths", async () => {
    const refusal = await WsPeer.refused(`${url}/x`);
    expect([refusal.status, refusal.body]).toEqual([404, "paths: /m /r /e /u /p\n"]);
  });
});

describe("a signal", () => {
  it("closes the server", async () => {
    using other = new ExampleProcess("autobahn", ["server", "--port", "0"]);
    await other.line();
    other.kill();
    expect((await other.exited()).code).toBe(0);
  });
});
