/** The client for the Autobahn suite, against a server that speaks as a fuzzing server does. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ExampleProcess, rawFrame } from "@longwire/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";

let server: Server;
let url: string;
/** Path and query of every connection, in their order. */
let visited: string[];
/** What the client sent back in the first case. */
let echoed: Buffer[];

/** Case 1: an echo, then a close. Case 2: a frame with a reserved bit. Case 3: the connection breaks off. */
function runCase(socket: WebSocket, number: number): void {
  if (number === 1) {
    socket.on("message", (data: Buffer) => {
      echoed.push(data);
      if (echoed.length === 2) socket.close(1000);
    });
    socket.send("text");
    socket.send(Buffer.alloc(2 * 1024 * 1024, 1));
  } else if (number === 2) {
    const raw = (socket as WebSocket & { _socket: { write(bytes: Buffer): void } })._socket; // below the protocol
    raw.write(rawFrame({ opcode: 1, rsv: 2, payload: "x", mask: false }));
  } else socket.terminate();
}

beforeEach(async () => {
  visited = [];
  echoed = [];
  server = createServer();
  const engine = new WebSocketServer({ server, perMessageDeflate: true });
  engine.on("connection", (socket, request) => {
    const target = new URL(request.url ?? "/", "ws://localhost");
    visited.push(target.pathname + target.search);
    socket.on("error", () => {});
    if (target.pathname === "/getCaseCount") socket.send("3", () => socket.close(1000));
    else if (target.pathname === "/runCase")
      runCase(socket, Number(target.searchParams.get("case")));
    else socket.close(1000);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

describe("client URL", () => {
  it("runs every case, whatever becomes of it, and has the report written", async () => {
    using example = new ExampleProcess("autobahn", ["client", url]);
    expect(await example.line()).toBe("3 cases");
    expect(await example.line()).toBe("all 3 cases done, report written");
    expect(await example.exited()).toEqual({ code: 0, stderr: "" });
    expect(visited).toEqual([
      "/getCaseCount",
      "/runCase?case=1&agent=longwire",
      "/runCase?case=2&agent=longwire",
      "/runCase?case=3&agent=longwire",
      "/updateReports?agent=longwire",
    ]);
    expect(echoed.map(({ length }) => length)).toEqual([4, 2 * 1024 * 1024]);
  });

  it("exits with 1 when there is no server", async () => {
    using example = new ExampleProcess("autobahn", ["client", "ws+unix:/nowhere/a.sock"]);
    const { code, stderr } = await example.exited();
    expect(code).toBe(1);
    expect(stderr).toContain("cannot connect to ");
  });
}, 60_000);
