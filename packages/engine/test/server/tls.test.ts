import https from "node:https";
import { connect } from "node:tls";
import { attach } from "@longwire/engine";
import { nextEvent, RawPeer, rawText, upgradeText } from "@longwire/testkit";
import { generate } from "selfsigned";
import { describe, expect, it, onTestFinished } from "vitest";
import { failOnCrash, listen, socketApp } from "./attached-server.ts";

failOnCrash();

const certificate = generate([{ name: "commonName", value: "localhost" }]);

async function serveTls(beside?: Parameters<https.Server["on"]>[1]): Promise<number> {
  const made = await certificate;
  const server = https.createServer({ key: made.private, cert: made.cert });
  if (beside !== undefined) server.on("upgrade", beside);
  attach(server, socketApp());
  return listen(server);
}

async function connectTls(port: number): Promise<RawPeer> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await nextEvent(socket, "secureConnect");
  const peer = new RawPeer(socket);
  onTestFinished(() => peer[Symbol.dispose]());
  return peer;
}

describe("over TLS", () => {
  it("an upgrade keeps its early frames", async () => {
    const peer = await connectTls(await serveTls());
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), rawText("early")]));
    expect((await peer.readResponse()).status).toBe(101);
    expect((await peer.readFrame()).payload.toString()).toBe("early");
  });

  it("a refusal goes out whole", async () => {
    const peer = await connectTls(await serveTls());
    peer.send(
      Buffer.concat([
        Buffer.from(upgradeText("/", { "Content-Length": "9" })),
        Buffer.alloc(90_000),
      ]),
    );
    expect(await peer.readResponse()).toMatchObject({ status: 400, body: "Bad Request" });
    expect(await peer.ended()).toBe("fin");
  });

  it("a socket that another listener wrote to is left to it", async () => {
    const peer = await connectTls(
      await serveTls((_request, socket) => socket.end("HTTP/1.1 418 I'm a Teapot\r\n\r\nother")),
    );
    peer.send(upgradeText("/"));
    expect(await peer.readResponse()).toMatchObject({ status: 418, body: "other" });
  });

  it("a socket that another listener merely wrote to is left to it", async () => {
    const peer = await connectTls(await serveTls((_request, socket) => socket.write("other")));
    peer.send(upgradeText("/"));
    expect((await peer.readBytes(5)).toString()).toBe("other");
    peer.send("more");
    expect(peer.unread).toHaveLength(0);
  });

  it("a socket that another listener did not touch is ours", async () => {
    const peer = await connectTls(await serveTls(() => {}));
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(101);
  });
});
