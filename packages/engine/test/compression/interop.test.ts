/** The implementations that people use, each with our server and our client: mixed sizes, context takeover on. */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { nextEvent, within } from "@longwire/testkit";
import { WebSocket as UndiciWebSocket } from "undici";
import { describe, expect, it, onTestFinished, type TestContext } from "vitest";
import { WebSocket, WebSocketServer, type PerMessageDeflateOptions } from "ws";
import type { AddressInfo } from "node:net";
import { dial, Upgrader, type CompressionOptions, type Conn } from "../../src/index.ts";
import { serve } from "../server/attached-server.ts";
import { Seeded } from "./sample-text.ts";

const MESSAGES = 120;

/** Mixed sizes, text and binary; every third is one that has been sent before. */
const SAMPLE: ReadonlyArray<string | Buffer> = (() => {
  const random = new Seeded(67);
  const messages: (string | Buffer)[] = [];
  for (let count = 0; count < MESSAGES; count++) {
    const earlier = messages[random.below(Math.max(1, messages.length))];
    const message = random.message(count % 20 === 0 ? 300_000 : 9000);
    const isText = random.chance(50);
    messages.push(
      random.chance(33)
        ? (earlier ?? "")
        : isText
          ? random.json(message.length).toString()
          : message,
    );
  }
  return messages;
})();

/** Our server: echoes, and tells what was agreed in a first message. */
async function startServer(compression: boolean | CompressionOptions): Promise<string> {
  const upgrader = new Upgrader({ compression });
  const echo = (conn: Conn): void => {
    void conn.writeMessage(1, conn.extensions);
    void conn.forEach((message) => conn.writeMessage(message.type, message.data));
  };
  const { port } = await serve((request) => void upgrader.upgrade(request).then(echo));
  return `ws://127.0.0.1:${port}/`;
}

/** Sends the sample and tells how many echoes were right; `receive` gives the next message. */
async function exchange(
  send: (message: string | Buffer) => void,
  receive: () => Promise<string | Buffer>,
): Promise<number> {
  let right = 0;
  for (const message of SAMPLE) {
    send(message);
    const echo = await within(receive(), "an echo", 15_000);
    const isSame = Buffer.from(echo).equals(Buffer.from(message));
    if (isSame && typeof echo === typeof message) right++;
  }
  return right;
}

/** The same over a connection of ours. */
function exchangeOn(conn: Conn): Promise<number> {
  return exchange(
    (message) => void conn.writeMessage(typeof message === "string" ? 1 : 2, message),
    async () => {
      const { type, data } = await conn.readMessage();
      return type === 1 ? data.toString() : data;
    },
  );
}

/** Messages in order, for whoever asks. */
class Arrivals {
  readonly #arrived: (string | Buffer)[] = [];
  #waiting: ((message: string | Buffer) => void) | undefined;

  push(message: string | Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#arrived.push(message);
    else waiting(message);
  }

  next(): Promise<string | Buffer> {
    const message = this.#arrived.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => (this.#waiting = resolve));
  }
}

describe("clients of our server", () => {
  it.each<[string, PerMessageDeflateOptions, CompressionOptions, string]>([
    ["defaults", {}, {}, "permessage-deflate; client_max_window_bits=12"],
    [
      "windows of both sides",
      { serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
      { level: 6 },
      "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10",
    ],
    [
      "the largest windows",
      { threshold: 0 },
      { serverMaxWindowBits: 15, clientMaxWindowBits: 15, threshold: 0 },
      "permessage-deflate; client_max_window_bits=15",
    ],
    [
      "the smallest windows",
      { serverMaxWindowBits: 8, clientMaxWindowBits: 8 },
      {},
      "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8",
    ],
    [
      "no context takeover",
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      {},
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12",
    ],
    [
      "no context takeover, as the server wants",
      {},
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12",
    ],
  ])("ws, %s", async (_name, perMessageDeflate, compression, agreed) => {
    const url = await startServer(compression);
    const socket = new WebSocket(url, { perMessageDeflate });
    onTestFinished(() => socket.terminate());
    const arrivals = new Arrivals();
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      arrivals.push(isBinary ? data : data.toString());
    });
    expect(await within(arrivals.next(), "what was agreed")).toBe(agreed);
    const right = await exchange(
      (message) => socket.send(message),
      () => arrivals.next(),
    );
    expect(right).toBe(MESSAGES);
  });

  it("undici, the WebSocket of Node itself", async () => {
    const url = await startServer(true);
    const socket = new UndiciWebSocket(url);
    onTestFinished(() => socket.close());
    socket.binaryType = "arraybuffer";
    const arrivals = new Arrivals();
    socket.addEventListener("message", ({ data }: { data: string | ArrayBuffer }) => {
      arrivals.push(typeof data === "string" ? data : Buffer.from(data));
    });
    expect(await within(arrivals.next(), "what was agreed")).toContain("permessage-deflate");
    const right = await exchange(
      (message) => socket.send(message),
      () => arrivals.next(),
    );
    expect(right).toBe(MESSAGES);
  });

  it("our own, of every kind of window", async () => {
    for (const bits of [8, 9, 12, 15]) {
      const compression = { serverMaxWindowBits: bits, clientMaxWindowBits: bits, threshold: 0 };
      const { conn } = await dial(
        await startServer({ threshold: 0, serverMaxWindowBits: 15, clientMaxWindowBits: 15 }),
        { compression },
      );
      expect((await conn.readMessage()).text()).toBe(
        `permessage-deflate${bits === 15 ? "" : `; server_max_window_bits=${bits}`}; client_max_window_bits=${bits}`,
      );
      expect(await exchangeOn(conn)).toBe(MESSAGES);
      await conn.close();
    }
  });
});

describe("our client of ws", () => {
  it.each<[string, boolean | PerMessageDeflateOptions, CompressionOptions]>([
    ["defaults", true, {}],
    ["windows of both sides", { serverMaxWindowBits: 10, clientMaxWindowBits: 9 }, { level: 6 }],
    ["no context takeover", { serverNoContextTakeover: true, clientNoContextTakeover: true }, {}],
    ["the full window of the server", true, { serverMaxWindowBits: 15, keepFullPeerWindow: true }],
  ])("%s", async (_name, perMessageDeflate, compression) => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });
    onTestFinished(() => {
      server.close();
    });
    server.on("connection", (socket) => {
      onTestFinished(() => socket.terminate());
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await nextEvent(server, "listening");
    const { port } = server.address() as AddressInfo; // of a server on a port
    const { conn } = await dial(`ws://127.0.0.1:${port}/`, { compression });
    expect(conn.extensions).toContain("permessage-deflate");
    expect(await exchangeOn(conn)).toBe(MESSAGES);
    conn.terminate();
  });
});

const PYTHON = "/usr/bin/python3"; // Debian's own, for which the package is made
const present = spawnSync(PYTHON, ["-c", "import websockets"]).status === 0;

/** Leaves a test out where the package is missing; LONGWIRE_REQUIRE_SERVICES=1 makes that a failure. */
function needsPython(context: TestContext): void {
  if (present) return;
  const missing = `${PYTHON} has no package websockets: apt-get install python3-websockets`;
  if (process.env["LONGWIRE_REQUIRE_SERVICES"] === "1") throw new Error(missing);
  context.skip(missing);
}

// Sends a mixture of messages to the URL in argv and compares each echo; prints what was agreed, then how many were right.
const PYTHON_CLIENT = `
import asyncio, random, sys, websockets
from websockets.extensions import permessage_deflate

async def main():
    offer = permessage_deflate.ClientPerMessageDeflateFactory(**eval(sys.argv[2]))
    async with websockets.connect(sys.argv[1], extensions=[offer], compression=None, max_size=2**24) as socket:
        print(await socket.recv(), flush=True)
        random.seed(5)
        words = ["order", "user", "state", "garden", "東京"]
        right = 0
        for count in range(150):
            text = " ".join(random.choice(words) for _ in range(random.choice([0, 5, 200, 30000])))
            message = text if count % 2 else text.encode() + bytes(random.randrange(256) for _ in range(50))
            await socket.send(message)
            right += (await socket.recv()) == message
        print(right, flush=True)

asyncio.run(main())
`;

describe("Python's websockets", () => {
  it("as our client, with every kind of offer", async (context) => {
    needsPython(context);
    for (const [offer, agreed] of [
      ["{'client_max_window_bits': None}", "permessage-deflate; client_no_context_takeover"],
      ["{'client_max_window_bits': True}", "permessage-deflate; client_max_window_bits=12"],
      [
        "{'server_max_window_bits': 10, 'client_max_window_bits': 9}",
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
      ],
      [
        "{'server_no_context_takeover': True, 'client_no_context_takeover': True}",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12",
      ],
    ] as const) {
      const args = ["-W", "ignore", "-c", PYTHON_CLIENT, await startServer(true), offer];
      const child = spawn(PYTHON, args, { stdio: ["ignore", "pipe", "inherit"] });
      onTestFinished(() => void child.kill());
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      expect((await within(lines.next(), "what was agreed", 30_000)).value).toBe(agreed);
      expect((await within(lines.next(), "the count of echoes", 30_000)).value).toBe("150");
    }
  }, 60_000);
});
