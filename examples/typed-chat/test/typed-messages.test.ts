/** The programs of docs/typed-messages.md run. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, type ClientConn, type ConnectOptions } from "@longwire/client";
import { attach, websocket, type Conn } from "@longwire/hono";
import { serve } from "@hono/node-server";
import { Inbox, programsOf, replaced, runProgram, within } from "@longwire/testkit";
import { Hono } from "hono";
import { WebSocket } from "undici";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

const DOCUMENT = new URL("../../../docs/typed-messages.md", import.meta.url);
const [contract, server, client, checked, upload, again, node20, events] =
  programsOf(DOCUMENT).map(String);

let printed: Inbox<unknown[]>;

beforeEach(() => {
  printed = new Inbox("a line of console.log");
  vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => printed.push(values));
  vi.stubGlobal("WebSocket", WebSocket);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Runs a program with the contract beside it. */
async function run(program: string): Promise<Readonly<Record<string, unknown>>> {
  const beside = replaced(String(contract), "export const", "const");
  const alone = program.replace(/^import (?:type )?\{ chat \} from .*\n/mu, "");
  return within(
    runProgram(
      alone === program ? program : beside + alone.replace(/^import \{ z \}.*\n/mu, ""),
      import.meta.url,
    ),
    "the program",
  );
}

/** The page's own address from here on. */
async function open(started: unknown): Promise<string> {
  const listening = started as Server; // exported by the program
  onTestFinished(() => {
    listening.close();
    listening.closeAllConnections();
  });
  if (!listening.listening) await once(listening, "listening");
  const { port } = listening.address() as AddressInfo; // a TCP address is never a string
  const url = `http://127.0.0.1:${port}/`;
  vi.stubGlobal("location", { href: url });
  return url;
}

/** Serves a handler at every path, for the programs that are clients. */
async function serveHandler(handler: (conn: Conn) => unknown): Promise<string> {
  const app = new Hono();
  app.get("*", websocket(handler));
  const listening = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  attach(listening, app);
  return open(listening);
}

const onAnyPort = (program: string | undefined): string =>
  replaced(String(program), "port: 3000", 'port: 0, hostname: "127.0.0.1"');

/** Greets, and says what it was told. */
async function answerOnce(conn: Conn): Promise<void> {
  const told = (await conn.readJSON()) as { text: string };
  await conn.writeJSON({ text: told.text, at: new Date(0) });
}

describe("docs/typed-messages.md", () => {
  it("serves a contract", async () => {
    const { server: started } = await run(onAnyPort(server));
    await using conn = connect(new URL("chat/blue", await open(started)));
    conn.send({ text: "hello" });
    expect(await conn.read()).toEqual({ text: "hello", at: expect.stringMatching(/Z$/u) });
    conn.send({ text: "x".repeat(81) });
    expect(await conn.closed).toMatchObject({ code: 1007 });
  });

  it("connects by the contract's type", async () => {
    await serveHandler(answerOnce);
    await run(String(client));
    expect(await printed.next()).toEqual([new Date(0), "hello"]);
  });

  it("checks what the server sends, and gives dates", async () => {
    await serveHandler(answerOnce);
    await run(String(checked));
    expect(await printed.next()).toEqual([0, "hello"]);
  });

  it("uploads as fast as is welcome", async () => {
    const lines: unknown[] = [];
    await serveHandler(async (conn) => {
      for await (const value of conn.json()) lines.push(value);
    });
    await run(String(upload));
    expect(lines).toEqual([{ line: "one" }, { line: "two" }]);
  });

  it("connects again", async () => {
    let visits = 0;
    await serveHandler(async (conn) => {
      await answerOnce(conn);
      await conn.close(++visits < 2 ? 1012 : 1000);
    });
    await run(replaced(String(again), "reconnect(open)", "reconnect(open, { minDelay: 1 })"));
    expect(printed.all).toEqual([["here I am"], ["here I am"]]);
  });

  it("takes the WebSocket of undici", async () => {
    vi.stubGlobal("WebSocket", undefined);
    const url = await serveHandler(answerOnce);
    await run(replaced(String(node20), "ws://localhost:3000/", url));
    expect(await printed.next()).toEqual([{ text: "hello", at: new Date(0).toISOString() }]);
  });

  it("serves by a library that wants events", async () => {
    const { server: started } = await run(onAnyPort(events));
    const options: ConnectOptions = { WebSocket };
    await using conn: ClientConn = connect(new URL("echo", await open(started)), options);
    conn.send({ to: "and fro" });
    expect(await conn.read()).toEqual({ to: "and fro" });
  });
});
