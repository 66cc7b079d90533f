/** Small proxies of HTTP, HTTPS and SOCKS5 that really relay, and note what they were asked. RFC 9110 §9.3.6, RFC 1928. */
import net, { type Socket } from "node:net";
import tls from "node:tls";
import { Inbox, RawPeer } from "@longwire/testkit";
import { listen } from "./servers.ts";

export interface Proxy {
  readonly port: number;
  readonly url: string;
  /** What each client asked for: the head of a CONNECT request, or `user:password>host:port` over SOCKS. */
  readonly asked: Inbox<string>;
  /** Clients, TLS done where there is TLS. */
  readonly clients: Inbox<Socket>;
}

/** Where a name of the tests leads: every one to the loopback interface. */
const LOOPBACK = "127.0.0.1";

/** Carries bytes both ways, ends and errors included. */
function relay(client: Socket, server: Socket): void {
  client.pipe(server);
  server.pipe(client);
  client.on("close", () => server.destroy());
  server.on("close", () => client.destroy());
  server.on("error", () => client.destroy());
}

function connectTo(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, LOOPBACK, () => resolve(socket));
    socket.once("error", reject);
  });
}

export interface HttpProxyOptions {
  readonly tls?: tls.TlsOptions;
  /** What to answer instead of opening a tunnel. */
  readonly answer?: string;
  /** Stands before the answer to CONNECT. */
  readonly before?: string;
  /** Sends the answer together with the first bytes of the server. */
  readonly glue?: boolean;
}

async function serveConnect(socket: Socket, proxy: Proxy, o: HttpProxyOptions): Promise<void> {
  const peer = new RawPeer(socket);
  const head = (await peer.readUntil("\r\n\r\n")).toString("latin1");
  proxy.asked.push(head);
  const port = /^CONNECT \S+:(\d+) HTTP\/1\.1\r\n/u.exec(head)?.[1];
  if (o.answer !== undefined || port === undefined) {
    socket.end(o.answer ?? "HTTP/1.1 400 Bad Request\r\n\r\n");
    return;
  }
  const server = await connectTo(Number(port));
  socket.removeAllListeners("data"); // the peer was there for the head alone
  const answer = `${o.before ?? ""}HTTP/1.1 200 Connection established\r\n\r\n`;
  if (o.glue === true) {
    const first = await new Promise<Buffer>((resolve) => server.once("data", resolve));
    socket.write(Buffer.concat([Buffer.from(answer), first]));
  } else socket.write(answer);
  relay(socket, server);
}

/** Starts a proxy that knows CONNECT, over TLS when it gets a certificate. */
export async function startHttpProxy(o: HttpProxyOptions = {}): Promise<Proxy> {
  const server = o.tls === undefined ? net.createServer() : tls.createServer(o.tls);
  const asked = new Inbox<string>("a CONNECT request");
  const clients = new Inbox<Socket>("a client of the proxy");
  server.on(o.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    clients.push(socket);
    serveConnect(socket, proxy, o).catch(() => socket.destroy());
  });
  const port = await listen(server);
  const url = `${o.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const proxy: Proxy = { port, url, asked, clients };
  return proxy;
}

export interface SocksProxyOptions {
  /** `user:password` that is asked for. */
  readonly login?: string;
  /** The reply instead of success: 1 failure, 5 connection refused… */
  readonly reply?: number;
  /** Stays silent behind the greeting. */
  readonly hang?: boolean;
}

/** An address of RFC 1928 §4: its type, then four bytes, a length and a name, or sixteen bytes. */
async function readAddress(peer: RawPeer): Promise<string> {
  const [, , , kind] = await peer.readBytes(4);
  if (kind === 1) return (await peer.readBytes(4)).join(".");
  if (kind === 4) return (await peer.readBytes(16)).toString("hex");
  const [length = 0] = await peer.readBytes(1);
  return (await peer.readBytes(length)).toString();
}

async function serveSocks(socket: Socket, proxy: Proxy, o: SocksProxyOptions): Promise<void> {
  const peer = new RawPeer(socket);
  const [, count = 0] = await peer.readBytes(2);
  const methods = await peer.readBytes(count);
  if (o.hang === true) return;
  const method = o.login === undefined ? 0 : 2;
  peer.send(Buffer.from([5, methods.includes(method) ? method : 0xff]));
  let login = "";
  if (method === 2) {
    const [, userLength = 0] = await peer.readBytes(2);
    login = `${(await peer.readBytes(userLength)).toString()}:`;
    const [passwordLength = 0] = await peer.readBytes(1);
    login += (await peer.readBytes(passwordLength)).toString();
    peer.send(Buffer.from([1, login === o.login ? 0 : 1]));
  }
  const host = await readAddress(peer);
  const port = (await peer.readBytes(2)).readUInt16BE();
  proxy.asked.push(`${login}>${host}:${port}`);
  const server = o.reply === undefined ? await connectTo(port) : undefined;
  socket.removeAllListeners("data"); // the peer was there for the greeting alone
  peer.send(Buffer.from([5, o.reply ?? 0, 0, 1, 127, 0, 0, 1, 0, 0]));
  if (server === undefined) socket.end();
  else relay(socket, server);
}

/** Starts a SOCKS5 proxy. */
export async function startSocksProxy(o: SocksProxyOptions = {}): Promise<Proxy> {
  const server = net.createServer();
  const asked = new Inbox<string>("a SOCKS request");
  const clients = new Inbox<Socket>("a client of the proxy");
  server.on("connection", (socket) => {
    clients.push(socket);
    serveSocks(socket, proxy, o).catch(() => socket.destroy());
  });
  const port = await listen(server);
  const proxy: Proxy = { port, url: `socks5h://127.0.0.1:${port}`, asked, clients };
  return proxy;
}
