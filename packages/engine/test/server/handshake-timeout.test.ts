import type { ServerResponse } from "node:http";
import { Upgrader } from "@longwire/engine";
import { deferred, nextEvent, rawText, upgradeText, within } from "@longwire/testkit";
import { describe, expect, it, vi } from "vitest";
import { answerUpgrade, connectRaw, failOnCrash, serve, withoutDate } from "./attached-server.ts";

failOnCrash();

const SHORT_MS = 40;

describe("the handshake timeout", () => {
  it("writes 408 on the socket, and a guard that answers late is silent", async () => {
    const pending = deferred<ServerResponse>();
    const { port } = await serve((_request, response) => pending.resolve(response), {
      handshakeTimeout: SHORT_MS,
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    const response = await pending.promise;
    const closed = nextEvent(response, "close");
    expect(withoutDate(await peer.readUntil("Request Timeout\r\n"))).toBe(
      "HTTP/1.1 408 Request Timeout\r\n",
    );
    await closed;
    expect(response.socket).toBeNull();
    response.statusCode = 401;
    response.setHeader("X-Late", "yes");
    response.write("late");
    response.end("later");
    expect((await peer.readToEnd()).toString()).not.toContain("late");
    expect(await peer.ended()).toBe("fin");
  });

  it("has decideUpgrade refuse a route that is reached too late", async () => {
    const decided = deferred<unknown>();
    const upgrader = new Upgrader();
    const { port } = await serve(
      (request, response) => {
        response.on("close", () => decided.resolve(upgrader.upgrade(request)));
      },
      { handshakeTimeout: SHORT_MS },
    );
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(408);
    await expect(decided.promise).rejects.toMatchObject({
      code: "WS_HANDSHAKE_TIMEOUT",
      status: 408,
    });
  });

  it("of the Upgrader replaces that of attach, counted from the request", async () => {
    const upgrader = new Upgrader({ handshakeTimeout: SHORT_MS, checkOrigin: () => never });
    const never = new Promise<boolean>(() => {});
    const rejected = deferred<unknown>();
    const { port } = await serve((request) => {
      upgrader.upgrade(request).catch(rejected.resolve);
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(408);
  });

  it("rejects upgrade() when acceptance came but no 101", async () => {
    const rejected = deferred<unknown>();
    const upgrader = new Upgrader({ maxConnections: 1 });
    const { port } = await serve(
      (request, response) => {
        response.end = () => response; // middleware that holds the response back
        upgrader.upgrade(request).catch(rejected.resolve);
      },
      { handshakeTimeout: SHORT_MS },
    );
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(408);
    expect(await rejected.promise).toMatchObject({ code: "WS_HANDSHAKE_TIMEOUT" });
    expect(upgrader.slots.taken).toBe(0);
  });

  it("stops when the headers of a response go out; then the peer's end is seen", async () => {
    const streaming = deferred<ServerResponse>();
    const { port } = await serve(
      (_request, response) => {
        response.write("data: 1\n\n");
        streaming.resolve(response);
      },
      { handshakeTimeout: SHORT_MS },
    );
    const peer = await connectRaw(port);
    peer.send(upgradeText("/events"));
    const response = await streaming.promise;
    const closed = deferred();
    response.on("close", closed.resolve);
    await peer.readUntil("data: 1");
    // The timeout makes the socket flow, and changes nothing else.
    await vi.waitFor(() => expect(response.socket?.readableFlowing).toBe(true));
    response.write("data: 2\n\n");
    await peer.readUntil("data: 2");
    peer.end();
    await within(closed.promise, "the end of the stream");
  });

  it("does not touch an open connection", async () => {
    const { port } = await serve((request, response) => void answerUpgrade(request, response, {}), {
      handshakeTimeout: SHORT_MS,
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    const other = await connectRaw(port);
    other.send(upgradeText("/", { "Sec-WebSocket-Key": null }));
    await other.ended();
    await new Promise((resolve) => setTimeout(resolve, 2 * SHORT_MS)); // the time that must do nothing
    peer.send(rawText("open"));
    expect((await peer.readFrame()).payload.toString()).toBe("open");
  });
});
