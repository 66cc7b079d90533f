/** The other side in the tests of the Dialer: servers of `ws`, and servers that send whatever bytes a test says. */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import net, { type AddressInfo, type Server, type Socket } from "node:net";
import tls from "node:tls";
import { acceptKey } from "../../src/opening-handshake/accept-key.ts";
import { Inbox, RawPeer } from "@longwire/testkit";
import { onTestFinished } from "vitest";
import { WebSocketServer, type ServerOptions, type WebSocket } from "ws";

/** Listens on a free port of the loopback interface, or on a unix socket, until the test has finished. */
export async function listen(server: Server, at: number | string = 0): Promise<number> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    socket.on("error", () => {}); // a test that ends may reset it
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  server.on("connection", track);
  server.on("secureConnection", track);
  server.on("tlsClientError", () => {}); // what the client makes of it is what counts
  const listening = new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (typeof at === "string") server.listen(at, resolve);
    else server.listen(at, "127.0.0.1", resolve);
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  await listening;
  const address = server.address();
  // a unix socket has no port
  return typeof address === "string" ? 0 : (address as AddressInfo).port;
}

export interface EchoServer {
  readonly port: number;
  /** ws: or wss: URL of its root. */
  readonly url: string;
  /** Requests that were accepted, in their order. */
  readonly requests: Inbox<IncomingMessage>;
  readonly sockets: Inbox<WebSocket>;
}

export interface EchoOptions extends ServerOptions {
  /** Serves TLS with these. */
  readonly tls?: tls.TlsOptions;
  /** Listens on a unix socket instead of a port. */
  readonly path?: string;
}

/** Starts a server of `ws` that echoes. */
export async function startEcho(options: EchoOptions = {}): Promise<EchoServer> {
  const { tls: secure, path, ...ws } = options;
  const server = secure === undefined ? http.createServer() : https.createServer(secure);
  const engine = new WebSocketServer({ server, maxPayload: 64 * 1024 * 1024, ...ws });
  const requests = new Inbox<IncomingMessage>("a request");
  const sockets = new Inbox<WebSocket>("a connection");
  engine.on("error", () => {}); // `listen` reports it
  engine.on("connection", (socket, request) => {
    socket.on("error", () => {}); // a client that breaks off
    socket.on("message", (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }));
    requests.push(request);
    sockets.push(socket);
  });
  const port = await listen(server, path);
  const scheme = secure === undefined ? "ws" : "wss";
  return { port, url: `${scheme}://127.0.0.1:${port}/`, requests, sockets };
}

export interface RawServer {
  readonly port: number;
  readonly url: string;
  /** The clients, as they come. */
  readonly peers: Inbox<RawPeer>;
}

/** Starts a TCP server, or one with TLS, whose answers the test writes itself. */
export async function startRaw(
  answer: (peer: RawPeer) => unknown = () => {},
  secure?: tls.TlsOptions,
): Promise<RawServer> {
  const peers = new Inbox<RawPeer>("a client");
  const server = secure === undefined ? net.createServer() : tls.createServer(secure);
  server.on(secure === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    const peer = new RawPeer(socket);
    peers.push(peer);
    void Promise.resolve(answer(peer)).catch(() => {}); // the client may be gone before the answer
  });
  const port = await listen(server);
  return { port, peers, url: `${secure === undefined ? "ws" : "wss"}://127.0.0.1:${port}/` };
}

/** Reads a request and sends a response; `{accept}` stands for the value that answers its key. */
export function answerWith(response: string | Buffer): (peer: RawPeer) => Promise<void> {
  return async (peer) => {
    const key = keyOf((await peer.readUntil("\r\n\r\n")).toString("latin1"));
    peer.send(
      typeof response === "string"
        ? Buffer.from(response.replaceAll("{accept}", acceptKey(key)), "latin1")
        : response,
    );
  };
}

/** The Sec-WebSocket-Key of a request. */
export function keyOf(request: string): string {
  return /^sec-websocket-key: *(\S+)/imu.exec(request)?.[1] ?? "";
}

/** A 101 as it has to be; `fields` stand behind the others. */
export function switching(fields = ""): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n${fields}\r\n`;
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  await new Promise((resolve) => server.close(resolve));
  return port;
}
