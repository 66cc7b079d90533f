/** Peers that mean harm before the connection is open: each gets its answer, and memory stays flat. */
import {
  deferred,
  EXAMPLE_KEY,
  expectFlatMemory,
  rawText,
  RawPeer,
  requestText,
  upgradeText,
  within,
} from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import type { UpgraderOptions } from "../src/index.ts";
import { idle } from "./conn/harness.ts";
import { answerUpgrade, failOnCrash, serve, socketApp } from "./server/attached-server.ts";

failOnCrash();

const LONG = 15_000; // node refuses more than 16 KiB of headers by itself

/** A valid upgrade request with some lines replaced or added, as bytes. */
function upgrade(lines: Record<string, string | string[]>): string {
  return upgradeText("/", lines);
}

/** The statuses that each request may be answered with. */
const REQUESTS: ReadonlyArray<readonly [string, string, readonly number[]]> = [
  [
    "2,001 header lines",
    requestText("/", {
      ...Object.fromEntries(Array.from({ length: 2001 }, (_, at) => [`h${at}`, "1"])),
      Connection: "Upgrade",
      Upgrade: "websocket",
    }),
    [400, 431],
  ],
  ["a long Upgrade", upgrade({ Upgrade: `${"h2c,".repeat(LONG / 4)}websocket` }), [101]],
  ["a long Upgrade of nothing", upgrade({ Upgrade: ",".repeat(LONG) }), [400, 426]],
  ["a long Connection", upgrade({ Connection: `${"x,".repeat(LONG / 2)}Upgrade` }), [101]],
  ["a long key", upgrade({ "Sec-WebSocket-Key": "A".repeat(LONG) }), [400]],
  ["a long version", upgrade({ "Sec-WebSocket-Version": "1".repeat(LONG) }), [400, 426]],
  [
    "a long subprotocol with blanks inside",
    upgrade({ "Sec-WebSocket-Protocol": `b${" ".repeat(LONG)}x` }),
    [101, 400],
  ],
  [
    "thousands of subprotocols",
    upgrade({ "Sec-WebSocket-Protocol": Array.from({ length: 3000 }, (_, at) => at).join(",") }),
    [101],
  ],
  [
    "thousands of extensions",
    upgrade({ "Sec-WebSocket-Extensions": "a;b=c,".repeat(LONG / 6).slice(0, -1) }),
    [101, 400],
  ],
  [
    "an extension parameter that never ends",
    upgrade({ "Sec-WebSocket-Extensions": `permessage-deflate;x="${"\\\\".repeat(LONG / 2)}` }),
    [101, 400],
  ],
  ["a long Origin", upgrade({ Origin: `http://${"a".repeat(LONG)}` }), [403]],
  [
    "__proto__ and constructor as names",
    upgrade({
      __proto__x: "1",
      constructor: "1",
      "Sec-WebSocket-Extensions": "__proto__; constructor=1, constructor; __proto__, toString",
      "Sec-WebSocket-Protocol": "__proto__, constructor, toString",
    }),
    [101],
  ],
  [
    "max_window_bits out of range",
    upgrade({
      "Sec-WebSocket-Extensions":
        "permessage-deflate; server_max_window_bits=7, permessage-deflate; client_max_window_bits=16, permessage-deflate; server_max_window_bits=1e1",
    }),
    [101],
  ],
  ["a folded header line", upgrade({ "X-Folded": "a\r\n b" }), [400, 101]],
  ["a bare CR in a header value", upgrade({ "X-Bare": "a\rb" }), [400]],
  ["NUL in a header value", upgrade({ "Sec-WebSocket-Protocol": "a\u0000b" }), [400]],
  ["Origin: null", upgrade({ Origin: "null" }), [403]],
  ["an unparsable Origin", upgrade({ Origin: "http://[" }), [403]],
  [
    "an Origin of another port",
    upgrade({ Host: "localhost", Origin: "http://localhost:81" }),
    [403],
  ],
  ["two Origins", upgrade({ Origin: ["http://localhost", "http://evil.example"] }), [400, 403]],
  ["an unparsable Host", upgrade({ Host: "%%", Origin: "http://localhost" }), [400, 403]],
  ["an absolute-form target", upgrade({}).replace("GET / ", "GET http://evil.example/ "), [400]],
  ["an absolute-form target of ws", upgrade({}).replace("GET / ", "GET ws://localhost/ "), [400]],
  ["two keys", upgrade({ "Sec-WebSocket-Key": [EXAMPLE_KEY, "AAAAAAAAAAAAAAAAAAAAAA=="] }), [400]],
  ["the same key twice", upgrade({ "Sec-WebSocket-Key": [EXAMPLE_KEY, EXAMPLE_KEY] }), [400]],
  ["two versions", upgrade({ "Sec-WebSocket-Version": ["13", "8"] }), [400, 426]],
  ["HTTP/1.0", upgrade({}).replace("HTTP/1.1", "HTTP/1.0"), [400, 426]],
  ["POST", upgrade({}).replace("GET ", "POST "), [400, 405]],
  ["a body", `${upgrade({ "Content-Length": "5" })}hello`, [400]],
  ["a body that never comes", upgrade({ "Content-Length": "5000000" }), [400]],
  [
    "a chunked body",
    `${upgrade({ "Transfer-Encoding": "chunked" })}5\r\nhello\r\n0\r\n\r\n`,
    [400],
  ],
  ["garbage instead of a request", "\u0000\u0001\u0002 GET / HTTP/9.9\r\n\r\n", [400]],
];

const OPTIONS: UpgraderOptions = { subprotocols: ["constructor", "chat"], compression: true };

async function statusOf(port: number, request: string): Promise<number> {
  const peer = await RawPeer.connect(port);
  peer.send(Buffer.from(request, "latin1"));
  const { status } = await peer.readResponse();
  peer[Symbol.dispose]();
  return status;
}

describe("a handshake with", () => {
  it.each(REQUESTS)("%s gets its answer", async (_what, request, statuses) => {
    const { port } = await serve(socketApp(undefined, OPTIONS));
    expect(statuses).toContain(await statusOf(port, request));
    expect(await statusOf(port, upgrade({}))).toBe(101);
  });

  it("any of these leaves no memory behind", async () => {
    const { port, attachment } = await serve(socketApp(undefined, OPTIONS));
    await expectFlatMemory(
      async () => {
        for (const [, request] of REQUESTS) await statusOf(port, request);
      },
      { rounds: 10 },
    );
    expect(await statusOf(port, upgrade({}))).toBe(101);
    while (attachment.conns.size > 0) await idle();
  });
});

describe("a peer that resets", () => {
  const whole = upgrade({});
  const half = whole.slice(0, whole.length >> 1);

  /** Lets a guard wait until the peer is gone. */
  async function guarded(): Promise<{
    port: number;
    reached: () => Promise<void>;
    open: () => void;
  }> {
    let arrival = deferred();
    let gate = deferred();
    const { port } = await serve(async (request, response) => {
      arrival.resolve();
      await gate.promise;
      await answerUpgrade(request, response, {}).catch(() => {});
    });
    return {
      port,
      reached: async () => {
        await within(arrival.promise, "the guard");
        arrival = deferred();
      },
      open: () => {
        gate.resolve();
        gate = deferred();
      },
    };
  }

  const phases: ReadonlyArray<readonly [string, (port: number, peer: RawPeer) => unknown]> = [
    ["at once", () => {}],
    ["inside the request line", (_port, peer) => peer.send("GET /")],
    ["inside the headers", (_port, peer) => peer.send(half)],
    ["behind its request", (_port, peer) => peer.send(whole)],
    [
      "behind its request and a message",
      (_port, peer) => {
        peer.send(whole);
        peer.send(rawText("early"));
      },
    ],
    [
      "behind the 101",
      async (_port, peer) => {
        peer.send(whole);
        await peer.readResponse();
      },
    ],
    [
      "behind the 101, inside a frame",
      async (_port, peer) => {
        peer.send(whole);
        await peer.readResponse();
        peer.send(rawText("hello").subarray(0, 4));
      },
    ],
    [
      "while an echo is on its way",
      async (_port, peer) => {
        peer.send(whole);
        await peer.readResponse();
        for (let count = 0; count < 50; count++) peer.send(rawText("x".repeat(10_000)));
      },
    ],
  ];

  it.each(phases)("%s harms nobody", async (_when, begin) => {
    const { port, attachment } = await serve(socketApp());
    for (let round = 0; round < 4; round++) {
      const peer = await RawPeer.connect(port);
      await begin(port, peer);
      await idle(round);
      peer.reset();
    }
    expect(await statusOf(port, upgrade({}))).toBe(101);
    while (attachment.conns.size > 0) await idle();
    expect(attachment.conns.size).toBe(0);
  });

  it("while a guard awaits harms nobody", async () => {
    const { port, reached, open } = await guarded();
    for (let round = 0; round < 4; round++) {
      const peer = await RawPeer.connect(port);
      peer.send(whole);
      await reached();
      peer.reset();
      await idle(round);
      open();
    }
    const peer = await RawPeer.connect(port);
    peer.send(whole);
    await reached();
    open();
    expect((await peer.readResponse()).status).toBe(101);
    peer.reset();
  });

  it("at any phase leaves no memory behind", async () => {
    const { port, attachment } = await serve(socketApp());
    await expectFlatMemory(
      async (round) => {
        for (const [, begin] of phases) {
          const peer = await RawPeer.connect(port);
          await begin(port, peer);
          await idle(round % 3);
          peer.reset();
        }
        while (attachment.conns.size > 0) await idle();
      },
      { rounds: 15 },
    );
    expect(attachment.conns.size).toBe(0);
  });
});
