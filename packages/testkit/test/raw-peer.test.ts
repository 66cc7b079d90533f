/** The raw peer against servers of Node alone. */
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { RawPeer } from "../src/raw-peer.ts";
import { requestText } from "../src/raw-http.ts";
import { memoryPair } from "@longwire/engine";
import { rawText } from "../src/raw-frame.ts";
import { deferred, nextEvent } from "../src/wait.ts";

const servers: Server[] = [];

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await nextEvent(server, "listening");
  return (server.address() as AddressInfo).port; // a TCP server's address is never a string
}

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

describe("raw peer over TCP", () => {
  it("reads a response with a length, one in chunks, and one until the end", async () => {
    const port = await listen(
      createHttpServer((request, response) => {
        if (request.url === "/length") response.writeHead(401, { "X-Case": "Kept" }).end("no");
        else if (request.url === "/chunks") {
          response.write("one ");
          response.end("two");
        } else response.socket?.end("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end");
      }),
    );
    using peer = await RawPeer.connect(port);
    peer.send(requestText("/length"));
    const refusal = await peer.readResponse();
    expect(refusal).toMatchObject({ status: 401, statusText: "Unauthorized", body: "no" });
    expect(refusal.headers).toContainEqual(["X-Case", "Kept"]);
    expect(refusal.header("x-case")).toBe("Kept");
    peer.send(requestText("/chunks"));
    expect((await peer.readResponse()).body).toBe("one two");
    peer.send(requestText("/rest"));
    expect((await peer.readResponse()).body).toBe("to the end");
    expect(await peer.ended()).toBe("fin");
  });

  it("says what was awaited and what had come when the stream ends early", async () => {
    const port = await listen(createServer((socket) => socket.end(Buffer.of(0x81, 0x05, 0x48))));
    using peer = await RawPeer.connect(port);
    await expect(peer.readFrame()).rejects.toThrow("expected a frame; 3 bytes unread: 81 05 48");
  });

  it("resets, and notices a reset", async () => {
    const accepted = deferred<Socket>();
    const port = await listen(createServer((socket) => accepted.resolve(socket)));
    using peer = await RawPeer.connect(port);
    const socket = await accepted.promise;
    const failed = nextEvent(socket, "error");
    peer.reset();
    expect((await failed)[0]).toMatchObject({ code: "ECONNRESET" });
  });

  it("tells a reset by the other side from a FIN", async () => {
    const port = await listen(
      createServer((socket) => socket.once("data", () => socket.resetAndDestroy())),
    );
    using peer = await RawPeer.connect(port);
    peer.sendHex("00");
    expect(await peer.ended()).toBe("reset");
  });

  it("says that nobody listens", async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    await expect(RawPeer.connect(port)).rejects.toThrow(`no TCP connection to 127.0.0.1:${port}`);
  });

  it("stops reading, so that the other side cannot write for ever", async () => {
    const accepted = deferred<Socket>();
    const port = await listen(createServer((socket) => accepted.resolve(socket)));
    using peer = await RawPeer.connect(port);
    peer.stopReading();
    const socket = await accepted.promise;
    const chunk = Buffer.alloc(1 << 20);
    for (let sent = 0; sent < 32; sent++) socket.write(chunk);
    const drained = nextEvent(socket, "drain");
    expect(socket.writableLength).toBeGreaterThan(0);
    peer.resumeReading();
    await drained;
    socket.destroy();
  });
});

describe("raw peer over a pair in memory", () => {
  it("sends, reads frames, and sees the other end's FIN and reset", async () => {
    const [left, right] = memoryPair();
    using peer = new RawPeer(left);
    right.write(rawText("hi"));
    expect((await peer.readFrame()).payload.toString()).toBe("hi");
    right.end();
    expect(await peer.ended()).toBe("fin");

    const [ours, theirs] = memoryPair();
    using other = new RawPeer(ours);
    theirs.destroy(new Error("gone"));
    theirs.on("error", () => {});
    expect(await other.ended()).toBe("reset");
  });
});
