/** The HTTP/2 connections of an attached server: their settings, and their end. RFC 8441 §3. */
import { once } from "node:events";
import http2, { type Http2Server } from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { attach } from "@longwire/engine";
import { rawClose, rawText, within } from "@longwire/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { SERVER } from "../client/certificates.ts";
import { listen } from "../client/servers.ts";
import { failOnCrash, socketApp } from "./attached-server.ts";
import { connect, start, startEcho } from "./http2-server.ts";

failOnCrash();

function closeServer(server: Http2Server): Promise<void> {
  return within(new Promise<void>((resolve) => server.close(() => resolve())), "server.close()");
}

describe("RFC 8441 §3: SETTINGS_ENABLE_CONNECT_PROTOCOL", () => {
  it("is sent by an attached server, whatever it was created with", async () => {
    const server = http2.createServer({ settings: { enableConnectProtocol: false } });
    attach(server, socketApp());
    const client = await connect(await listen(server));
    expect(client.session.remoteSettings.enableConnectProtocol).toBe(true);
    expect((await client.open("/")).headers[":status"]).toBe(200); // without a listener for requests, too
  });

  it("reaches a session that is older than the attachment with its next request", async () => {
    const server = http2.createServer((_request, response) => response.end());
    const client = await connect(await listen(server));
    expect(client.session.remoteSettings.enableConnectProtocol).toBe(false);
    attach(server, socketApp());
    const told = once(client.session, "remoteSettings");
    await client.get("/");
    await within(told, "the new settings");
    expect(client.session.remoteSettings.enableConnectProtocol).toBe(true);
    const { peer } = await client.open("/");
    peer.send(rawText("hi"));
    expect((await peer.readFrame()).payload.toString()).toBe("hi");
  });
});

describe("shutdown", () => {
  it("server.close() sends 1001, then GOAWAY has the session end", async () => {
    const { server, client, port } = await startEcho();
    const { peer, stream } = await client.open("/");
    const idle = await connect(port);
    const idleEnded = once(idle.session, "close");
    const closed = closeServer(server);
    expect((await peer.readClose()).code).toBe(1001);
    peer.send(rawClose(1001));
    await peer.ended();
    stream.end();
    await closed;
    await within(idleEnded, "the end of the idle session");
  });

  it("ends in time although a peer takes nothing from its connection, and others say nothing", async () => {
    const { server, port } = await start(
      socketApp(async (conn) => {
        for (;;) await conn.writeMessage(2, Buffer.alloc(1 << 20));
      }),
    );
    // A client below HTTP/2 that stops reading: not even RST_STREAM gets through.
    const sockets: net.Socket[] = [];
    const session = http2.connect(`http://127.0.0.1:${port}`, {
      settings: { initialWindowSize: 0x7fff_ffff },
      createConnection: () => {
        const socket = net.connect(port, "127.0.0.1");
        sockets.push(socket);
        return socket;
      },
    });
    session.on("error", () => {});
    onTestFinished(() => session.destroy());
    await once(session, "remoteSettings");
    session.setLocalWindowSize(0x7fff_ffff);
    const stream = session.request({
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":scheme": "http",
      ":path": "/",
      ":authority": "127.0.0.1",
      "sec-websocket-version": "13",
    });
    stream.on("error", () => {});
    await once(stream, "response");
    await once(stream, "data");
    for (const socket of sockets) socket.pause();
    (sockets[0] as unknown as { _handle: { readStop(): void } })._handle.readStop();
    await closeServer(server);
    expect(server.listening).toBe(false);
  });

  it("server.close() says goodbye to a session that begins behind it", async () => {
    const server = http2.createSecureServer(SERVER);
    attach(server, socketApp());
    const port = await listen(server);
    const accepted = once(server, "connection");
    const socket = net.connect(port, "127.0.0.1");
    await within(accepted, "the connection"); // without a byte of TLS
    const closed = closeServer(server);
    const session = http2.connect(`https://127.0.0.1:${port}`, {
      createConnection: () =>
        tls.connect({ socket, ALPNProtocols: ["h2"], rejectUnauthorized: false }),
    });
    session.on("error", () => {});
    onTestFinished(() => session.destroy());
    const ended = once(session, "close");
    await closed;
    await within(ended, "the end of the session");
    expect(session.alpnProtocol).toBe("h2");
  });

  it("is over when the server listens again", async () => {
    const { server } = await start(socketApp());
    await closeServer(server);
    const client = await connect(await listen(server));
    const { peer } = await client.open("/");
    peer.send(rawText("again"));
    expect((await peer.readFrame()).payload.toString()).toBe("again");
  });

  it("attachment.close() refuses with 503 and leaves the session to ordinary requests", async () => {
    const { attachment, client } = await startEcho();
    const { peer, stream } = await client.open("/");
    const closed = attachment.close({ timeout: 2_000 });
    expect((await peer.readClose()).code).toBe(1001);
    expect((await client.refused("/")).status).toBe(503);
    expect((await client.get("/")).status).toBe(404);
    peer.send(rawClose(1001));
    stream.end();
    await closed;
    expect((await client.refused("/")).status).toBe(503);
  });
});
