/** The echo server as benchmarks and conformance runs see it: the same five times. */
import { createServer, type AddressInfo } from "node:net";
import { nextEvent, RawPeer, rawBinary, rawText, upgradeText, WsPeer } from "@longwire/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FRAMEWORKS } from "../src/arguments.ts";
import { build, EchoProcess } from "./echo-process.ts";

const SOCKET_ROUTES = ["/", "/each", "/json", "/stream", "/prepared", "/room/blue"];
const AUTHORIZED = { Authorization: "Bearer let-me-in" };

beforeAll(async () => {
  await build();
}, 150_000);

describe.each(FRAMEWORKS)("echo server on %s", (framework) => {
  let server: EchoProcess;

  beforeAll(async () => {
    server = await EchoProcess.start(framework);
  }, 60_000);

  afterAll(() => {
    server[Symbol.dispose]();
  });

  async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(server.url(path).replace("ws:", "http:"), { headers });
  }

  it.each(["/", "/each", "/stream", "/prepared"])("%s echoes text and binary", async (path) => {
    using peer = await WsPeer.open(server.url(path));
    for (const message of ["héllo", Buffer.from([0, 255]), "", Buffer.alloc(300_000, 1)]) {
      peer.send(message);
      expect(Buffer.from(message).equals(Buffer.from(await peer.next()))).toBe(true);
    }
    expect((await peer.close()).code).toBe(1000);
  });

  it.each(["/", "/each", "/stream", "/prepared"])(
    "%s keeps order and types of 1,000 messages in a packet",
    async (path) => {
      using peer = await RawPeer.upgrade(server.port, path);
      const frames = Array.from({ length: 1000 }, (_, index) =>
        index % 2 === 0 ? rawText(`text ${index}`) : rawBinary(Buffer.from(`bytes ${index}`)),
      );
      peer.send(Buffer.concat(frames));
      for (let index = 0; index < 1000; index++) {
        const frame = await peer.readFrame();
        expect([frame.opcode, frame.payload.toString()]).toEqual(
          index % 2 === 0 ? [1, `text ${index}`] : [2, `bytes ${index}`],
        );
      }
    },
  );

  it("/json echoes a text", async () => {
    using peer = await WsPeer.open(server.url("/json"));
    peer.send('{ "text": "hé" }');
    expect(JSON.parse(String(await peer.next()))).toEqual({ text: "hé" });
  });

  it.each(['{"text":1}', "[]", "null", '"text"', "{}", "no JSON"])(
    "/json closes with 1007 at %s",
    async (message) => {
      using peer = await WsPeer.open(server.url("/json"));
      peer.send(message);
      expect((await peer.awaitClosed()).code).toBe(1007);
      expect(peer.messages.all).toEqual([]);
    },
  );

  it("/guarded refuses with 401 and a body", async () => {
    const answer = await WsPeer.refused(server.url("/guarded"));
    expect([answer.status, answer.body]).toEqual([401, '{"error":"unauthorized"}']);
    const wrong = { headers: { Authorization: "Bearer let-me-out" } };
    expect((await WsPeer.refused(server.url("/guarded"), wrong)).status).toBe(401);
  });

  it("/guarded lets a token pass and sets a session on the 101", async () => {
    using peer = await WsPeer.open(server.url("/guarded"), { headers: AUTHORIZED });
    expect(peer.response.headerValues("Set-Cookie")).toEqual(["session=abc"]);
    expect(peer.response.header("X-Request-Id")).toMatch(/^[\da-f-]{36}$/u);
    peer.send("inside");
    expect(await peer.next()).toBe("inside");
  });

  it("/room/:name sends to everybody in the room, the sender included", async () => {
    using ann = await WsPeer.open(server.url("/room/blue%20salon"));
    using bob = await WsPeer.open(server.url("/room/blue%20salon"));
    using eve = await WsPeer.open(server.url("/room/red"));
    await bob.roundTrip();
    await eve.roundTrip();
    ann.send("to blue");
    expect(await ann.next()).toBe("to blue");
    expect(await bob.next()).toBe("to blue");
    bob.send(Buffer.from([1, 2]));
    expect(await ann.next()).toEqual(Buffer.from([1, 2]));
    eve.send("to red");
    expect(await eve.next()).toBe("to red");
    expect(eve.messages.all).toEqual(["to red"]);
  });

  it("/http answers 200, an upgrade of it too", async () => {
    const plain = await get("/http");
    const upgrade = await WsPeer.refused(server.url("/http"));
    expect([plain.status, await plain.text()]).toEqual([200, upgrade.body]);
    expect(upgrade.status).toBe(200);
  });

  it.each(["/nowhere", "/room", "/room/", "/room/a/b", "/each/x"])("%s is 404", async (path) => {
    expect((await get(path)).status).toBe(404);
    expect((await WsPeer.refused(server.url(path))).status).toBe(404);
  });

  it.each(SOCKET_ROUTES)("a plain GET of %s is 426", async (path) => {
    const answer = await get(path);
    expect([answer.status, answer.headers.get("upgrade")]).toEqual([426, "websocket"]);
  });

  it("/guarded asks for the token before it says 426", async () => {
    expect((await get("/guarded")).status).toBe(401);
    expect((await get("/guarded", AUTHORIZED)).status).toBe(426);
  });

  it("survives a reset and a malformed frame", async () => {
    const reset = await RawPeer.upgrade(server.port, "/");
    reset.reset();
    using hostile = await RawPeer.upgrade(server.port, "/each");
    hostile.sendHex("81 02 6869");
    expect((await hostile.readClose()).code).toBe(1002);
    using peer = await WsPeer.open(server.url("/"));
    peer.send("alive");
    expect(await peer.next()).toBe("alive");
  });
});

describe("the process", () => {
  it.each(FRAMEWORKS)("%s closes its sockets with 1001 on SIGTERM and exits", async (framework) => {
    using server = await EchoProcess.start(framework);
    using echoing = await WsPeer.open(server.url("/"));
    using talking = await WsPeer.open(server.url("/room/a"));
    server.kill("SIGTERM");
    expect((await echoing.awaitClosed()).code).toBe(1001);
    expect((await talking.awaitClosed()).code).toBe(1001);
    const exit = await server.exited(3_000);
    expect(exit).toEqual({
      code: 0,
      stdout: `listening on ws://127.0.0.1:${server.port}\n`,
      stderr: "",
    });
  });

  it("exits within 6 s although peers answer and read nothing", async () => {
    const large = rawBinary(Buffer.alloc(500_000));
    const exits = FRAMEWORKS.map(async (framework) => {
      using server = await EchoProcess.start(framework);
      using silent = await RawPeer.upgrade(server.port, "/");
      using full = await RawPeer.upgrade(server.port, "/each");
      full.stopReading();
      for (let index = 0; index < 40; index++) full.send(large);
      using half = await RawPeer.connect(server.port);
      half.send(upgradeText("/").slice(0, 40));
      const began = performance.now();
      server.kill("SIGTERM");
      expect((await silent.readClose()).code).toBe(1001);
      const exit = await server.exited(8_000);
      return { framework, code: exit.code, inTime: performance.now() - began < 6_000 };
    });
    expect(await Promise.all(exits)).toEqual(
      FRAMEWORKS.map((framework) => ({ framework, code: 0, inTime: true })),
    );
  }, 60_000);

  it("stops when the signal goes to npm", async () => {
    using server = await EchoProcess.startByNpm("engine");
    using peer = await WsPeer.open(server.url("/"));
    server.kill("SIGTERM");
    expect((await peer.awaitClosed()).code).toBe(1001);
    expect((await server.exited()).stdout).toBe(`listening on ws://127.0.0.1:${server.port}\n`);
    await expect(RawPeer.connect(server.port)).rejects.toThrow("no TCP connection");
  }, 60_000);

  it("stops on SIGINT, also when it comes twice", async () => {
    using server = await EchoProcess.start("engine");
    using peer = await WsPeer.open(server.url("/"));
    server.kill("SIGINT");
    server.kill("SIGINT");
    expect((await peer.awaitClosed()).code).toBe(1001);
    expect((await server.exited()).code).toBe(0);
  });

  it("takes a read limit", async () => {
    using server = await EchoProcess.start("engine", ["--read-limit", "2000000"]);
    using peer = await WsPeer.open(server.url("/"));
    const longest = Buffer.alloc(2_000_000);
    peer.send(longest);
    expect(longest.equals(Buffer.from(await peer.next()))).toBe(true);
    peer.send(Buffer.alloc(2_000_001));
    expect((await peer.awaitClosed()).code).toBe(1009);
  });

  it.each(FRAMEWORKS)("%s says that its port is taken", async (framework) => {
    const other = createServer().listen(0, "127.0.0.1");
    await nextEvent(other, "listening");
    const { port } = other.address() as AddressInfo; // a TCP server's address is never a string
    using server = EchoProcess.run(["--framework", framework, "--port", String(port)]);
    const exit = await server.exited();
    other.close();
    expect([exit.code, exit.stdout]).toEqual([1, ""]);
    expect(exit.stderr).toContain(`address already in use 127.0.0.1:${port}`);
  });

  it("refuses what it does not know, with its usage", async () => {
    using server = EchoProcess.run(["--framework", "engine", "--port", "0", "--http2"]);
    const exit = await server.exited();
    expect([exit.code, exit.stdout]).toEqual([2, ""]);
    expect(exit.stderr).toMatch(/^echo: --http2 is not available in this version\nusage: /u);
  });
});
