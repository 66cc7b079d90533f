/** The client as a process of its own: lines in, messages out, and an exit status for each outcome. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ExampleProcess, Inbox } from "@longwire/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";

let server: Server;
let url: string;
let requests: Inbox<IncomingMessage>;
let sockets: Inbox<WebSocket>;

beforeAll(async () => {
  server = createServer();
  const engine = new WebSocketServer({
    server,
    perMessageDeflate: true,
    verifyClient: ({ req }: { req: IncomingMessage }) => req.url !== "/refused",
  });
  engine.on("connection", (socket, request) => {
    requests.push(request);
    sockets.push(socket);
    socket.on("message", (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`; // it listens on a port
});

beforeEach(() => {
  requests = new Inbox("a request");
  sockets = new Inbox("a connection");
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Starts the client; the environment of the tests names no proxy. */
function start(...args: string[]): ExampleProcess {
  const client = new ExampleProcess("client", args, { ALL_PROXY: "", HTTP_PROXY: "" });
  onTestFinished(() => client[Symbol.dispose]());
  return client;
}

describe("the client", () => {
  it("sends lines and prints messages until its input ends, then exits with 0", async () => {
    const client = start(url, "-H", "X-Test: 1", "-s", "chat", "--compression");
    client.type("hello");
    expect(await client.line()).toBe("hello");
    client.type("héllo wörld");
    client.endInput();
    expect(await client.line()).toBe("héllo wörld");
    const { code, stderr } = await client.exited();
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^connected to ws:\S+ \(subprotocol chat, permessage-deflate.*\)\nclosed with 1000\n$/u,
    );
    const { headers } = await requests.next();
    expect(headers["x-test"]).toBe("1");
    expect(headers["sec-websocket-protocol"]).toBe("chat");
  });

  it("prints bytes in hexadecimal, and exits with 3 and the code of the server's close", async () => {
    const client = start(url);
    const socket = await sockets.next();
    socket.send(Buffer.from([0, 255]));
    expect(await client.line()).toBe("binary 00ff");
    socket.close(4001, "try\u001b[31m later");
    const { code, stderr } = await client.exited();
    expect(code).toBe(3);
    expect(stderr).toContain("closed with 4001: try\\u001b[31m later\n");
    expect(stderr).not.toContain("\u001b"); // not a terminal
  });

  it("exits with 0 when the server goes away, though its own input stays open", async () => {
    const client = start(url);
    (await sockets.next()).close(1001);
    expect(await client.exited()).toMatchObject({ code: 0 });
  });

  it("exits with 3 when the connection is lost", async () => {
    const client = start(url);
    (await sockets.next()).terminate();
    const { code, stderr } = await client.exited();
    expect(code).toBe(3);
    expect(stderr).toContain("closed with 1006");
  });

  it("stays connected behind the end of its input with --wait", async () => {
    const client = start(url, "--wait");
    client.type("one");
    client.endInput();
    expect(await client.line()).toBe("one");
    const socket = await sockets.next();
    socket.send("two");
    expect(await client.line()).toBe("two");
    socket.close(1000);
    expect(await client.exited()).toMatchObject({ code: 0 });
  });

  it("exits with 1 when it is refused, and shows the body", async () => {
    const { code, stderr } = await start(`${url}refused`, "-v").exited();
    expect(code).toBe(1);
    expect(stderr).toContain('server answered 401 "Unauthorized" instead of 101\n');
    expect(stderr).toContain("\nHTTP/1.1 401 Unauthorized\n");
    expect(stderr).toMatch(/\nUnauthorized\n$/u);
    expect(stderr).toMatch(/^\d+\.\d ms: route 127\.0\.0\.1:\d+\n/u);
  });

  it("exits with 1 when nobody listens", async () => {
    const { code, stderr } = await start("ws+unix:/nowhere/longwire.sock").exited();
    expect(code).toBe(1);
    expect(stderr).toContain("cannot connect to /nowhere/longwire.sock: ");
  });

  it("goes through a proxy when it is told one", async () => {
    const { code, stderr } = await start(url, "--proxy", "http://127.0.0.1:1").exited();
    expect(code).toBe(1);
    expect(stderr).toContain("cannot connect to 127.0.0.1:1: ");
  });

  it.each([[], ["http://127.0.0.1/"], ["ws://127.0.0.1/", "-H", "Upgrade: x"]])(
    "exits with 2 for the wrong arguments %j %j %j",
    async (...args) => {
      expect((await start(...args).exited()).code).toBe(2);
    },
  );

  it("closes politely when it is interrupted, and exits with 130", async () => {
    const client = start(url);
    client.type("ready");
    expect(await client.line()).toBe("ready");
    const socket = await sockets.next();
    const closed = new Promise<number>((resolve) => socket.once("close", resolve));
    client.kill("SIGINT");
    expect(await closed).toBe(1000);
    expect(await client.exited()).toMatchObject({ code: 130 });
  });

  it("shows its usage", async () => {
    const client = start("--help");
    expect(await client.line()).toBe("usage: npm run -s client -- URL [OPTION…]");
    expect(await client.exited()).toMatchObject({ code: 0, stderr: "" });
  });
}, 60_000);
