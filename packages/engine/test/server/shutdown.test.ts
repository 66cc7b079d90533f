import http from "node:http";
import { attach, type Conn } from "@longwire/engine";
import { deferred, rawClose, rawText, requestText, upgradeText, within } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import {
  answerUpgrade,
  connectRaw,
  failOnCrash,
  listen,
  serve,
  socketApp,
} from "./attached-server.ts";

failOnCrash();

function closeServer(server: http.Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
  });
}

describe("server.close()", () => {
  it("sends 1001, waits for the closing handshake, and calls back", async () => {
    const { server, port, attachment } = await serve(socketApp(), { drainTimeout: 10_000 });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    const closed = closeServer(server);
    expect(await peer.readClose()).toEqual({ code: 1001, reason: "" });
    expect(attachment.conns.size).toBe(1);
    peer.send(rawClose(1001));
    await closed;
    await attachment.close();
    expect(attachment.conns.size).toBe(0);
  });

  it("terminates after drainTimeout what does not answer", async () => {
    const { server, port } = await serve(socketApp(), { drainTimeout: 50 });
    const peer = await connectRaw(port, { halfOpen: true });
    peer.send(upgradeText("/"));
    await peer.readResponse();
    await within(closeServer(server), "the server's end", 1_000);
    expect((await peer.readClose()).code).toBe(1001);
    await peer.ended();
  });

  it("lets a request that is under way have its answer", async () => {
    const arrived = deferred();
    const release = deferred();
    const { server, port } = await serve((_request, response) => {
      arrived.resolve();
      void release.promise.then(() => response.end("slow"));
    });
    const peer = await connectRaw(port);
    peer.send(requestText("/slow", { Connection: "close" }));
    await arrived.promise;
    const closed = closeServer(server);
    release.resolve();
    expect((await peer.readResponse()).body).toBe("slow");
    await closed;
  });

  it("refuses with 503 what a guard lets pass too late", async () => {
    const guard = deferred();
    const arrived = deferred();
    const { server, port } = await serve(async (request, response) => {
      arrived.resolve();
      await guard.promise;
      await answerUpgrade(request, response, {});
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await arrived.promise;
    const closed = closeServer(server);
    guard.resolve();
    expect((await peer.readResponse()).status).toBe(503);
    await closed;
  });

  it("refuses with 503, after drainTimeout, what a guard never answers", async () => {
    const arrived = deferred();
    const { server, port } = await serve(() => arrived.resolve(), { drainTimeout: 50 });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await arrived.promise;
    await within(closeServer(server), "the server's end", 2_000);
    expect((await peer.readResponse()).status).toBe(503);
  });

  it("ends a response that has begun on an upgrade request with drainTimeout", async () => {
    const { server, port } = await serve((_request, response) => response.write("data\n"), {
      drainTimeout: 50,
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/events"));
    await peer.readUntil("data");
    await within(closeServer(server), "the server's end", 2_000);
    expect((await peer.readToEnd()).toString()).toBe("\n\r\n"); // the rest of the chunk, and nothing else
  });

  it("waits for a hold within drainTimeout", async () => {
    const held = deferred<Conn>();
    const { server, port } = await serve(
      socketApp((conn) => {
        const hold = conn.hold();
        held.resolve(conn);
        setTimeout(() => {
          conn.send("last words");
          hold[Symbol.dispose]();
        }, 30);
      }),
      { drainTimeout: 5_000 },
    );
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    await held.promise;
    const closed = closeServer(server);
    expect((await peer.readFrame()).payload.toString()).toBe("last words");
    expect((await peer.readClose()).code).toBe(1001);
    peer.send(rawClose(1001));
    await closed;
  });

  it("keeps its error for a server that does not run", async () => {
    const server = http.createServer();
    attach(server, socketApp());
    await expect(closeServer(server)).rejects.toMatchObject({ code: "ERR_SERVER_NOT_RUNNING" });
  });

  it("is over when the server listens again", async () => {
    const server = http.createServer();
    attach(server, socketApp());
    await listen(server);
    await closeServer(server);
    const port = await listen(server);
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(101);
  });

  it("patches this one server and no other", () => {
    const server = http.createServer();
    attach(server, socketApp());
    expect(Object.hasOwn(server, "close")).toBe(true);
    expect(Object.hasOwn(http.createServer(), "close")).toBe(false);
  });
});

describe("attachment.close()", () => {
  it("closes with code and reason, and leaves ordinary requests alone", async () => {
    const sockets = socketApp();
    const urls: unknown[] = [];
    const { port, attachment } = await serve((request, response) => {
      urls.push(request.url);
      if (request.url === "/http") response.end("plain");
      else sockets(request, response);
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    const closing = attachment.close({ code: 4001, reason: "later" });
    expect(await peer.readClose()).toEqual({ code: 4001, reason: "later" });
    peer.send(rawClose(4001));
    await closing;
    const http1 = await connectRaw(port);
    http1.send(requestText("/http"));
    expect((await http1.readResponse()).body).toBe("plain");
    const webSocket = await connectRaw(port);
    webSocket.send(upgradeText("/"));
    expect((await webSocket.readResponse()).status).toBe(503);
    expect(urls).toEqual(["/", "/http"]);
  });

  it("called again joins the first", async () => {
    const { port, attachment } = await serve(socketApp(), { drainTimeout: 10_000 });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    const both = Promise.all([attachment.close(), attachment.close({ code: 4002 })]);
    expect((await peer.readClose()).code).toBe(1001);
    peer.send(rawClose(1001));
    await both;
  });

  it.each([{ code: 1005 }, { code: 1006 }, { reason: "x".repeat(124) }, { timeout: 0 }])(
    "refuses %j",
    async (options) => {
      const { port, attachment } = await serve(socketApp());
      await expect(attachment.close(options)).rejects.toBeInstanceOf(RangeError);
      const peer = await connectRaw(port);
      peer.send(upgradeText("/"));
      await peer.readResponse();
      peer.send(rawText("still open"));
      expect((await peer.readFrame()).payload.toString()).toBe("still open");
    },
  );
});
