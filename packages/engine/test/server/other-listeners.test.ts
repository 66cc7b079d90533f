import http from "node:http";
import type { Duplex } from "node:stream";
import { attach } from "@longwire/engine";
import { requestText, upgradeText } from "@longwire/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocketServer } from "ws";
import { connectRaw, failOnCrash, listen, socketApp } from "./attached-server.ts";

failOnCrash();

/** A server with another listener, registered before or after ours. */
async function serveBeside(
  other: (...values: Parameters<Parameters<http.Server["on"]>[1]>) => void,
  order: "before" | "after",
): Promise<number> {
  const server = http.createServer();
  if (order === "before") server.on("upgrade", other);
  attach(server, socketApp());
  if (order === "after") server.on("upgrade", other);
  return listen(server);
}

describe.each(["before", "after"] as const)("an upgrade listener registered %s ours", (order) => {
  it("keeps a socket that it wrote to", async () => {
    const port = await serveBeside((_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\nother");
    }, order);
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).headers).toEqual([]);
    expect((await peer.readBytes(5)).toString()).toBe("other");
  });

  it.each([
    ["reads", (socket: NodeJS.ReadableStream) => socket.on("data", () => {})],
    ["reads later", (socket: NodeJS.ReadableStream) => socket.on("readable", () => {})],
    ["has paused", (socket: NodeJS.ReadableStream) => socket.pause()],
  ])("keeps a socket that it %s", async (_name, claim) => {
    const port = await serveBeside((_request, socket) => {
      claim(socket);
      setImmediate(() => socket.end("mine"));
    }, order);
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readToEnd()).toString()).toBe("mine");
  });

  it("leaves us a socket that it did not touch", async () => {
    const other = vi.fn<() => void>();
    const port = await serveBeside(other, order);
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(101);
    expect(other).toHaveBeenCalledOnce();
  });

  it("leaves us a socket that has carried a response before", async () => {
    const server = http.createServer((_request, response) => response.end("plain"));
    if (order === "before") server.on("upgrade", () => {});
    attach(server, socketApp());
    if (order === "after") server.on("upgrade", () => {});
    const peer = await connectRaw(await listen(server));
    peer.send(requestText("/"));
    await peer.readResponse();
    peer.send(requestText("/") + requestText("/") + upgradeText("/"));
    expect((await peer.readResponse()).body).toBe("plain");
    expect((await peer.readResponse()).body).toBe("plain");
    expect((await peer.readResponse()).status).toBe(101);
  });

  it("changes nothing for an upgrade behind an open response: its socket is destroyed", async () => {
    const server = http.createServer((_request, response) => response.write("begun"));
    if (order === "before") server.on("upgrade", () => {});
    attach(server, socketApp());
    if (order === "after") server.on("upgrade", () => {});
    const peer = await connectRaw(await listen(server));
    peer.send(requestText("/") + upgradeText("/"));
    expect((await peer.readToEnd()).toString()).not.toContain(" 101 ");
  });

  it("may destroy the socket", async () => {
    const port = await serveBeside((_request, socket) => socket.destroy(), order);
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect(await peer.readToEnd()).toHaveLength(0);
  });

  it("of ws serves its own path", async () => {
    const server = http.createServer();
    const wss = new WebSocketServer({ noServer: true });
    onTestFinished(() => wss.close());
    const toWs = (request: http.IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (request.url !== "/ws") return;
      wss.handleUpgrade(request, socket, head, (ws) => ws.send("from ws"));
    };
    if (order === "before") server.on("upgrade", toWs);
    attach(server, socketApp());
    if (order === "after") server.on("upgrade", toWs);
    const port = await listen(server);
    const theirs = await connectRaw(port);
    theirs.send(upgradeText("/ws"));
    await theirs.readResponse();
    expect((await theirs.readFrame()).payload.toString()).toBe("from ws");
    const ours = await connectRaw(port);
    ours.send(upgradeText("/ours"));
    expect((await ours.readResponse()).status).toBe(101);
  });
});

describe("the option only", () => {
  it("leaves requests to the other listener, however late that one acts", async () => {
    const server = http.createServer();
    server.on("upgrade", (request, socket) => {
      if (request.url === "/late") setTimeout(() => socket.end("late"), 20);
    });
    attach(server, socketApp(), { only: ({ url }) => url !== "/late" });
    const peer = await connectRaw(await listen(server));
    peer.send(upgradeText("/late"));
    expect((await peer.readToEnd()).toString()).toBe("late");
  });
});
