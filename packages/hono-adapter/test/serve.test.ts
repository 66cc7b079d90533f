/** `serve` and `attach`: node-server's arguments, TLS, and what cannot be attached. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { serve as serveHTTP, type ServerType } from "@hono/node-server";
import { nextEvent, within, WsPeer } from "@longwire/testkit";
import { Hono } from "hono";
import { generate } from "selfsigned";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { attach, serve, websocket, type FetchApp } from "../src/index.ts";

function echoApp(): Hono {
  const app = new Hono();
  app.get(
    "/",
    websocket(async (conn) => {
      for await (const message of conn) await conn.writeMessage(message.type, message.data);
    }),
  );
  app.get("/page", (c) => c.text("a page"));
  return app;
}

function closing<S extends ServerType>(server: S): S {
  onTestFinished(() => {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
  return server;
}

describe("serve", () => {
  it("listens, calls back and serves HTTP as node-server's does, and WebSockets", async () => {
    const app = echoApp();
    const address = await new Promise<AddressInfo>((resolve) => {
      closing(serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, resolve));
    });
    expect(address).toMatchObject({ address: "127.0.0.1", family: "IPv4" });
    const page = await fetch(`http://127.0.0.1:${address.port}/page`);
    expect(await page.text()).toBe("a page");
    using peer = await WsPeer.open(`ws://127.0.0.1:${address.port}/`);
    peer.send("hello");
    expect(await peer.next()).toBe("hello");
    await peer.close();
  });

  it("takes the options of attach besides", async () => {
    const app = echoApp();
    app.get("/slow", async (c) => {
      await once(c.req.raw.signal, "abort");
      return c.text("too late");
    });
    const options = { fetch: app.fetch, port: 0, hostname: "127.0.0.1", handshakeTimeout: 50 };
    const server = closing(serve(options));
    if (!server.listening) await nextEvent(server, "listening");
    const { port } = server.address() as AddressInfo; // a TCP address is never a string
    const answer = await WsPeer.refused(`ws://127.0.0.1:${port}/slow`);
    expect(answer.status).toBe(408);
  });

  it("makes a TLS server of node-server's options, where wss works", async () => {
    const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }]);
    const server = closing(
      serve({
        fetch: echoApp().fetch,
        port: 0,
        hostname: "127.0.0.1",
        createServer: createTlsServer,
        serverOptions: { key, cert },
      }),
    );
    if (!server.listening) await nextEvent(server, "listening");
    const { port } = server.address() as AddressInfo;
    const peer = new WebSocket(`wss://127.0.0.1:${port}/`, { ca: cert, rejectUnauthorized: false });
    onTestFinished(() => peer.terminate());
    await nextEvent(peer, "open");
    peer.send("hello");
    const [echoed] = await nextEvent(peer, "message");
    expect(String(echoed)).toBe("hello");
    peer.close();
    await nextEvent(peer, "close");
  });

  it("refuses a second WebSocket server", () => {
    const wss = { options: { noServer: true } };
    const options = { fetch: echoApp().fetch, port: 0, websocket: { server: wss } };
    // @ts-expect-error -- no whole server, and it would be refused all the same
    expect(() => serve(options)).toThrow(/leave out the option websocket/u);
  });

  it("leaves the globals alone when it is told so", async () => {
    const before = [globalThis.Request, globalThis.Response];
    const options = { fetch: echoApp().fetch, port: 0, hostname: "127.0.0.1" };
    const server = closing(serve({ ...options, overrideGlobalObjects: false }));
    if (!server.listening) await nextEvent(server, "listening");
    const { port } = server.address() as AddressInfo;
    using peer = await WsPeer.open(`ws://127.0.0.1:${port}/`);
    peer.send("hello");
    expect(await peer.next()).toBe("hello");
    await peer.close();
    expect([globalThis.Request, globalThis.Response]).toEqual(before);
  });
});

describe("attach", () => {
  it("keeps two apps on one server apart", async () => {
    const [one, two] = [echoApp(), new Hono()];
    two.get(
      "/two",
      websocket((conn) => conn.send("two")),
    );
    const server = closing(
      serveHTTP({ fetch: one.fetch, port: 0, hostname: "127.0.0.1" }) as Server,
    );
    attach(server, two, { only: ({ url }) => url === "/two" });
    attach(server, one);
    if (!server.listening) await nextEvent(server, "listening");
    const { port } = server.address() as AddressInfo;
    using second = await WsPeer.open(`ws://127.0.0.1:${port}/two`);
    expect(await second.next()).toBe("two");
    using first = await WsPeer.open(`ws://127.0.0.1:${port}/`);
    first.send("one");
    expect(await first.next()).toBe("one");
    await Promise.all([first.close(), second.close()]);
  });

  it("shows the open connections and closes them", async () => {
    const app = echoApp();
    const server = closing(
      serveHTTP({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server,
    );
    const attachment = attach(server, app);
    if (!server.listening) await nextEvent(server, "listening");
    const { port } = server.address() as AddressInfo;
    using peer = await WsPeer.open(`ws://127.0.0.1:${port}/`);
    await peer.roundTrip();
    expect(attachment.conns.size).toBe(1);
    const closed = attachment.close({ code: 1012, reason: "restarting" });
    expect(await peer.awaitClosed()).toEqual({ code: 1012, reason: "restarting" });
    await within(closed, "the attachment to close");
    expect(attachment.conns.size).toBe(0);
    expect((await WsPeer.refused(`ws://127.0.0.1:${port}/`)).status).toBe(503);
  });

  it.each([undefined, {}, () => {}])("refuses what is no app: %s", (app) => {
    const server = createServer();
    // JavaScript lets anything pass.
    expect(() => attach(server, app as FetchApp)).toThrow(/method fetch/u);
  });
});
