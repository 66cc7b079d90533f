/** docs/migrating-from-ws.md: before and after run, and do the same. */
import type { Server } from "node:http";
import { programsOf, replaced, runProgram, TestServer } from "@longwire/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import * as engine from "../src/index.ts";

const PAGE = new URL("../../../docs/migrating-from-ws.md", import.meta.url);
const [before, after] = programsOf(PAGE, "js").map(String);
const HEADERS = { headers: { Authorization: "Bearer let-me-in" } };

interface Program {
  readonly server: Server;
  readonly stop: () => void;
}

async function start(
  program: string | undefined,
): Promise<{ server: TestServer; stop: () => void }> {
  const text = replaced(String(program), "listen(3000)", 'listen(0, "127.0.0.1")');
  const exports = await runProgram(`${text}\nexport { server, stop };`, import.meta.url);
  const { server, stop } = exports as unknown as Program; // the programs' own
  onTestFinished(stop);
  return { server: await TestServer.of(server), stop };
}

describe.each([
  ["before", before],
  ["after", after],
])("the program %s", (_when, program) => {
  it("welcomes and tells everybody, text as text and binary as binary", async () => {
    const { server } = await start(program);
    const ada = await server.ws("/chat/blue", HEADERS);
    expect(await ada.next()).toBe("welcome to /chat/blue");
    const grace = await server.ws("/chat/green", HEADERS);
    expect(await grace.next()).toBe("welcome to /chat/green");
    for (const message of ["hello", Buffer.from([1, 2, 3])]) {
      grace.send(message);
      expect(await ada.next()).toEqual(message);
      expect(await grace.next()).toEqual(message);
    }
  });

  it("closes a connection with 1009 for a message that is too long", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {}); // where the program of ws has its error listener
    onTestFinished(() => void vi.restoreAllMocks());
    const { server } = await start(program);
    const peer = await server.ws("/chat/blue", HEADERS);
    peer.send(Buffer.alloc(65_537));
    expect((await peer.awaitClosed()).code).toBe(1009);
  });

  it("refuses with 401 and 404, and serves its page", async () => {
    const { server } = await start(program);
    expect((await server.refused("/chat/blue")).status).toBe(401);
    expect((await server.refused("/nowhere", HEADERS)).status).toBe(404);
    expect((await server.get("/chat/blue")).body).toBe("a page");
  });

  it("says 1001 when it stops", async () => {
    const { server, stop } = await start(program);
    const peer = await server.ws("/chat/blue", HEADERS);
    await peer.next();
    stop();
    expect((await peer.awaitClosed()).code).toBe(1001);
  });
});

describe("the tables", () => {
  it("name nothing that is not there", () => {
    const exported = Object.keys(engine);
    for (const name of ["attach", "dial", "Dialer", "PreparedMessage", "toDuplex", "Upgrader"]) {
      expect(exported).toContain(name);
    }
    const methods = Object.getOwnPropertyNames(engine.Conn.prototype);
    for (const name of ["forEach", "readMessage", "nextReader", "nextWriter", "drained", "ping"]) {
      expect(methods).toContain(name);
    }
  });
});
