/** What is left of a handshake once its connection is open: request, response and socket as node leaves them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { finished } from "node:stream/promises";
import { Upgrader, type Conn } from "@longwire/engine";
import { deferred, nextEvent, rawClose, upgradeText, within } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { connectRaw, failOnCrash, serve } from "./attached-server.ts";

failOnCrash();

interface Opened {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly conn: Conn;
}

/** Opens a connection. `before` sees its request first, as middleware does. */
async function open(
  before: (request: IncomingMessage, response: ServerResponse) => void = () => {},
): Promise<Opened> {
  const upgrader = new Upgrader();
  const opened = deferred<Opened>();
  const { port } = await serve((request, response) => {
    before(request, response);
    void upgrader.upgrade(request).then((conn) => opened.resolve({ request, response, conn }));
  });
  const peer = await connectRaw(port);
  peer.send(upgradeText("/"));
  expect((await peer.readResponse()).status).toBe(101);
  return within(opened.promise, "the connection");
}

describe("after the 101", () => {
  it("middleware that waits for the request or the response hears of their ends", async () => {
    const heard: string[] = [];
    const all = deferred();
    const note = (what: string) => (): void => {
      if (heard.push(what) === 4) all.resolve();
    };
    await open((request, response) => {
      request.on("end", note("request end")).on("close", note("request close"));
      response.on("finish", note("response finish")).on("close", note("response close"));
    });
    await within(all.promise, "four events");
    expect(heard.toSorted()).toEqual([
      "request close",
      "request end",
      "response close",
      "response finish",
    ]);
  });

  it("who begins to listen at `finish` hears of `close`, and so does who has wrapped `emit`", async () => {
    const heard = deferred();
    await open((_request, response) => {
      response.on("finish", () => response.on("close", heard.resolve));
    });
    await within(heard.promise, "close");
    const emitted = deferred();
    await open((_request, response) => {
      const emit = response.emit.bind(response) as (...given: unknown[]) => boolean; // of any event
      response.emit = (...given: unknown[]) => {
        if (given[0] === "close") emitted.resolve();
        return emit(...given);
      };
    });
    expect(await within(emitted.promise, "close")).toBeUndefined();
  });

  it("`stream.finished` of either is over when it was asked before", async () => {
    const over = deferred<unknown>();
    await open((request, response) => {
      void Promise.all([finished(request), finished(response)]).then(over.resolve);
    });
    expect(await within(over.promise, "both ends")).toEqual([undefined, undefined]);
  });

  it("both are over for who asks later, and to destroy the request leaves the connection open", async () => {
    const { request, response, conn } = await open();
    expect(await Promise.all([finished(request), finished(response)])).toHaveLength(2);
    await new Promise(setImmediate);
    expect([request.destroyed, request.readableEnded]).toEqual([true, true]);
    request.destroy();
    await new Promise(setImmediate);
    expect([conn.readyState, conn.netConn.destroyed]).toEqual([1, false]);
  });

  it("the response is over, and what is written into it goes nowhere", async () => {
    const { response, conn } = await open((_request, given) => {
      given.on("error", () => {});
    });
    await new Promise(setImmediate);
    expect([response.writableFinished, response.destroyed, response.closed]).toEqual([
      true,
      true,
      true,
    ]);
    expect(response.socket).toBeNull();
    response.write("late");
    response.end("later");
    expect(conn.readyState).toBe(1);
  });

  it("the socket has the connection's own listener for errors, and a reset ends nothing else", async () => {
    const { conn } = await open();
    const socket = conn.netConn as Socket;
    expect(socket.listenerCount("error")).toBe(1);
    socket.emit("error", new Error("reset"));
    expect(await conn.closed).toMatchObject({ code: 1006 });
    socket.emit("error", new Error("once more")); // would end the process without a listener
  });

  it("the closing handshake ends the socket", async () => {
    const upgrader = new Upgrader();
    const { port, server } = await serve((request) => {
      void upgrader.upgrade(request).then((conn) => conn.forEach(() => {}));
    });
    const closed = nextEvent(server, "connection").then(([socket]) =>
      nextEvent(socket as Socket, "close"),
    );
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    peer.send(rawClose(1000));
    expect(await peer.ended()).toBe("fin");
    peer.end();
    expect(await within(closed, "the socket's close")).toEqual([false]); // without an error
  });
});
