/** The Dialer over HTTP/2: RFC 8441 §3-5. */
import { once } from "node:events";
import http2, {
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from "node:http2";
import net from "node:net";
import { attach, Dialer, DeadlineError, type Conn, type UpgraderOptions } from "@longwire/engine";
import { deferred, Inbox, within } from "@longwire/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { echo, socketApp } from "../server/attached-server.ts";
import { CA, SERVER } from "./certificates.ts";
import { echoes, failOnCrash, failure, LARGE, open, refusal } from "./dialing.ts";
import { startHttpProxy, startSocksProxy } from "./proxies.ts";
import { listen, startEcho as startWs } from "./servers.ts";

failOnCrash();

const tls = { ca: CA };

interface Http2EchoServer {
  readonly port: number;
  readonly sessions: Inbox<ServerHttp2Session>;
  /** HTTP version, method and fields of each request. */
  readonly requests: Inbox<{ version: string; headers: IncomingHttpHeaders }>;
}

/** Serves an echo by our own server: over TLS with HTTP/1.1 beside it, or HTTP/2 alone without. */
async function startEcho(
  o: { secure?: boolean; upgrader?: UpgraderOptions; handler?: (conn: Conn) => unknown } = {},
  settings: SecureServerOptions & ServerOptions = {},
): Promise<Http2EchoServer> {
  const sessions = new Inbox<ServerHttp2Session>("a session");
  const requests = new Inbox<{ version: string; headers: IncomingHttpHeaders }>("a request");
  const server: Http2Server | Http2SecureServer =
    o.secure === false
      ? http2.createServer(settings)
      : http2.createSecureServer({ ...SERVER, allowHTTP1: true, ...settings });
  const app = socketApp(o.handler ?? echo, o.upgrader);
  attach(server, (request, response) => {
    requests.push({ version: request.httpVersion, headers: request.headers });
    app(request, response);
  });
  server.on("session", (session: ServerHttp2Session) => sessions.push(session));
  return { port: await listen(server), sessions, requests };
}

/** A server of node:http2 alone, which answers each stream as the test says. */
async function startStreams(
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  o: SecureServerOptions = { settings: { enableConnectProtocol: true } },
): Promise<{ port: number; server: Http2SecureServer }> {
  const server = http2.createSecureServer({ ...SERVER, ...o });
  server.on("sessionError", () => {});
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on("error", () => {});
    answer(stream, headers);
  });
  return { port: await listen(server), server };
}

function accept(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200 });
}

describe("RFC 8441: a dial over TLS", () => {
  it.each(["auto", true] as const)("with http2: %s speaks HTTP/2", async (mode) => {
    const server = await startEcho();
    const dialed = await open(`wss://localhost:${server.port}/`, { tls, http2: mode });
    expect(dialed.conn.httpVersion).toBe("2.0");
    expect(dialed.conn.remoteAddress).toBe("127.0.0.1");
    expect(dialed.response).toMatchObject({ status: 200, statusText: "" });
    expect(await echoes(dialed)).toBe(true);
    expect(await echoes(dialed, LARGE)).toBe(true);
    expect(await dialed.conn.close(4000, "enough")).toMatchObject({ code: 4000, wasClean: true });
  });

  it("without the option speaks HTTP/1.1", async () => {
    const server = await startEcho();
    const dialed = await open(`wss://localhost:${server.port}/`, { tls });
    expect(dialed.conn.httpVersion).toBe("1.1");
    expect((await server.requests.next()).version).toBe("1.1");
  });

  it("§5: the request has the target in pseudo-header fields, and nothing of HTTP/1.1", async () => {
    const received = deferred<IncomingHttpHeaders>();
    const { port } = await startStreams((stream, headers) => {
      received.resolve(headers);
      accept(stream);
    });
    await open(`wss://localhost:${port}/chat?q=1`, {
      tls,
      http2: true,
      headers: [
        ["X-Two", "1"],
        ["X-Two", "2"],
        ["Host", "virtual.example"],
      ],
      subprotocols: ["chat", "superchat"],
      compression: true,
    });
    const headers = await received.promise;
    expect(headers).toMatchObject({
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":scheme": "https",
      ":path": "/chat?q=1",
      ":authority": "virtual.example",
      "sec-websocket-version": "13",
      "sec-websocket-protocol": "chat, superchat",
      "x-two": "1, 2",
    });
    expect(headers["sec-websocket-extensions"]).toContain("permessage-deflate");
    for (const name of ["host", "connection", "upgrade", "sec-websocket-key"]) {
      expect(headers[name]).toBeUndefined();
    }
  });

  it("negotiates subprotocol and compression", async () => {
    const upgrader = { subprotocols: ["chat"], compression: true };
    const server = await startEcho({ upgrader });
    const dialed = await open(`wss://localhost:${server.port}/`, {
      tls,
      http2: true,
      subprotocols: ["other", "chat"],
      compression: true,
    });
    expect(dialed.conn.subprotocol).toBe("chat");
    expect(dialed.conn.extensions).toContain("permessage-deflate");
    expect(await echoes(dialed, "again and again ".repeat(1_000))).toBe(true);
  });

  it("fails for a subprotocol or an extension that was not offered", async () => {
    for (const [name, value] of [
      ["sec-websocket-protocol", "unasked"],
      ["sec-websocket-extensions", "permessage-deflate"],
    ] as const) {
      const { port } = await startStreams((stream) =>
        stream.respond({ ":status": 200, [name]: value }),
      );
      const error = await refusal(`wss://localhost:${port}/`, { tls, http2: true });
      expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 200 });
    }
  });

  it("a refusal is a HandshakeError with status, headers and the first 1 KiB of the body", async () => {
    const { port } = await startStreams((stream) => {
      stream.respond({ ":status": 403, "x-reason": "guard", "set-cookie": ["a=1", "b=2"] });
      stream.end("x".repeat(3_000));
    });
    const error = await refusal(`wss://localhost:${port}/`, { tls, http2: true });
    expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 403 });
    expect(error.response?.headers).toMatchObject({ "x-reason": "guard" });
    expect(error.response?.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(error.response?.body.toString()).toBe("x".repeat(1_024));
  });

  it("follows redirects, on the same connection or another", async () => {
    const { port } = await startStreams((stream, headers) => {
      if (headers[":path"] === "/new") accept(stream);
      else {
        stream.respond({ ":status": 307, location: "/new" });
        stream.end();
      }
    });
    const dialed = await open(`wss://localhost:${port}/old`, {
      tls,
      http2: true,
      followRedirects: 1,
    });
    expect(dialed.url.pathname).toBe("/new");
    expect(dialed.conn.httpVersion).toBe("2.0");
  });
});

describe("where HTTP/2 is not to be had", () => {
  it("auto goes on with HTTP/1.1 on the same connection when the server chooses that", async () => {
    let connections = 0;
    const server = await startWs({ tls: { ...SERVER, ALPNProtocols: ["http/1.1"] } });
    const netDial = ({ host, port }: { host?: string | undefined; port?: number | undefined }) => {
      connections++;
      return net.connect(port!, host); // the target is no unix socket
    };
    const url = `wss://127.0.0.1:${server.port}/`;
    const dialed = await open(url, { tls, http2: "auto", netDial });
    expect(dialed.conn.httpVersion).toBe("1.1");
    expect(await echoes(dialed)).toBe(true);
    expect(connections).toBe(1);
  });

  it("auto asks again over HTTP/1.1 when the server takes no WebSockets over HTTP/2", async () => {
    const server = http2.createSecureServer({ ...SERVER, allowHTTP1: true });
    const engine = new WebSocketServer({ server: server as never }); // which has the same events
    engine.on("connection", (socket) => {
      socket.on("message", (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }));
    });
    const ended = deferred();
    server.on("session", (session) => session.once("close", () => ended.resolve()));
    const port = await listen(server);
    const dialed = await open(`wss://localhost:${port}/`, { tls, http2: "auto" });
    expect(dialed.conn.httpVersion).toBe("1.1");
    expect(await echoes(dialed)).toBe(true);
    await within(ended.promise, "the end of the session that was of no use");
  });

  it("true fails with WS_DIAL_FAILED, and says why", async () => {
    const old = await startWs({ tls: SERVER });
    const first = await refusal(`wss://localhost:${old.port}/`, { tls, http2: true });
    expect(first).toMatchObject({ code: "WS_DIAL_FAILED", status: 0 });
    const { port } = await startStreams(accept, {});
    const second = await refusal(`wss://localhost:${port}/`, { tls, http2: true });
    expect(second).toMatchObject({ code: "WS_DIAL_FAILED", status: 0 });
    expect(second.message).toContain("does not take WebSockets over HTTP/2");
  });

  it.each([
    ["destroys the session", (stream: ServerHttp2Stream) => stream.session?.destroy()],
    ["resets the stream", (stream: ServerHttp2Stream) => stream.close(8)],
    ["ends the stream without a response", (stream: ServerHttp2Stream) => stream.destroy()],
  ])("a server that %s is WS_HANDSHAKE_ABORTED", async (_how, answer) => {
    const { port } = await startStreams((stream) => {
      answer(stream);
    });
    const error = await refusal(`wss://localhost:${port}/`, { tls, http2: true });
    expect(error).toMatchObject({ code: "WS_HANDSHAKE_ABORTED", status: 0 });
  });

  it("handshakeTimeout and the signal end a dial that gets no response", async () => {
    const streams = new Inbox<ServerHttp2Stream>("a stream");
    const { port } = await startStreams((stream) => streams.push(stream));
    const url = `wss://localhost:${port}/`;
    const late = await failure(url, { tls, http2: true, handshakeTimeout: 100 });
    expect(late).toBeInstanceOf(DeadlineError);
    const controller = new AbortController();
    const aborted = failure(url, { tls, http2: true, signal: controller.signal });
    await streams.next();
    const second = await streams.next();
    controller.abort(new Error("no more"));
    expect(await aborted).toBe(controller.signal.reason);
    if (!second.closed) await within(once(second, "close"), "the end of the stream");
    expect(second.session?.destroyed ?? true).toBe(true);
  });
});

describe("connections of one Dialer", () => {
  it("share one session, also when they are dialed at once, which ends behind the last", async () => {
    const server = await startEcho();
    const dialer = new Dialer({ tls, http2: "auto" });
    const url = `wss://localhost:${server.port}/`;
    const dialed = await Promise.all([1, 2, 3].map(() => dialer.dial(url)));
    dialed.push(await dialer.dial(url));
    for (const one of dialed) expect(await echoes(one)).toBe(true);
    const session = await server.sessions.next();
    expect(server.sessions.all).toHaveLength(1);
    const ended = once(session, "close");
    for (const { conn } of dialed.slice(1)) await conn.close();
    expect(await echoes(dialed[0]!)).toBe(true);
    await dialed[0]!.conn.close();
    await within(ended, "the end of the session");
    const again = await dialer.dial(url);
    expect(await echoes(again)).toBe(true);
    expect(server.sessions.all).toHaveLength(2);
    await again.conn.close();
  });

  it("share no session beyond the server's limit of streams", async () => {
    const server = await startEcho({}, { settings: { maxConcurrentStreams: 2 } });
    const dialer = new Dialer({ tls, http2: true });
    const conns: Conn[] = [];
    for (let count = 0; count < 3; count++) {
      const { conn } = await dialer.dial(`wss://localhost:${server.port}/`);
      conns.push(conn);
    }
    expect(server.sessions.all).toHaveLength(2);
    for (const conn of conns) await conn.close();
  });

  it("end with 1006 when their session is destroyed, and the next dial opens another", async () => {
    const server = await startEcho();
    const dialer = new Dialer({ tls, http2: true });
    const url = `wss://localhost:${server.port}/`;
    const { conn } = await dialer.dial(url);
    (await server.sessions.next()).destroy();
    expect(await conn.closed).toMatchObject({ code: 1006, wasClean: false });
    const again = await dialer.dial(url);
    expect(await echoes(again)).toBe(true);
    again.conn.terminate();
  });

  it("leave a session that says GOAWAY, and what is open there goes on", async () => {
    const server = await startEcho();
    const dialer = new Dialer({ tls, http2: true });
    const url = `wss://localhost:${server.port}/`;
    const first = await dialer.dial(url);
    (await server.sessions.next()).close();
    expect(await echoes(first)).toBe(true); // GOAWAY has come before this
    const second = await dialer.dial(url);
    expect(await echoes(second)).toBe(true);
    expect(await echoes(first)).toBe(true);
    expect(server.sessions.all).toHaveLength(2);
    for (const { conn } of [first, second]) await conn.close();
  });

  it("a refused stream of a shared session is asked for again on another", async () => {
    let streams = 0;
    const { port } = await startStreams((stream) => {
      streams++;
      if (streams === 2) stream.close(7); // REFUSED_STREAM
      else accept(stream);
    });
    const dialer = new Dialer({ tls, http2: true });
    const first = await dialer.dial(`wss://localhost:${port}/`);
    const second = await dialer.dial(`wss://localhost:${port}/`);
    expect(streams).toBe(3);
    first.conn.terminate();
    second.conn.terminate();
  });
});

describe("a session of the caller's", () => {
  it("is used for every dial, and stays open", async () => {
    const server = await startEcho({ secure: false });
    const session = http2.connect(`http://127.0.0.1:${server.port}`);
    onTestFinished(() => session.destroy());
    const url = `ws://127.0.0.1:${server.port}/`;
    for (let count = 0; count < 2; count++) {
      const dialed = await open(url, { http2: session });
      expect(await echoes(dialed)).toBe(true);
      await dialed.conn.close();
    }
    expect(server.sessions.all).toHaveLength(1);
    expect(session.closed).toBe(false);
  });

  it("may be given to many dials before its settings have come", async () => {
    const { port } = await startEcho({ secure: false });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    await once(session, "connect");
    const url = `ws://127.0.0.1:${port}/`;
    const all = Array.from({ length: 20 }, () => open(url, { http2: session }));
    for (const dialed of await Promise.all(all)) expect(dialed.conn.httpVersion).toBe("2.0");
  });

  it("fails when it is closed, or its server takes no WebSockets", async () => {
    const server = http2.createServer();
    const port = await listen(server);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const url = `ws://127.0.0.1:${port}/`;
    expect(await refusal(url, { http2: session })).toMatchObject({ code: "WS_DIAL_FAILED" });
    expect(await refusal(url, { http2: session })).toMatchObject({ code: "WS_DIAL_FAILED" });
    session.destroy();
    expect(await refusal(url, { http2: session })).toMatchObject({ code: "WS_DIAL_FAILED" });
  });
});

describe("HTTP/2 without TLS", () => {
  it("is spoken by prior knowledge with http2: true, and never with auto", async () => {
    const server = await startEcho({ secure: false });
    const dialed = await open(`ws://127.0.0.1:${server.port}/`, { http2: true });
    expect(dialed.conn.httpVersion).toBe("2.0");
    expect(await echoes(dialed, LARGE)).toBe(true);
    const error = await refusal(`ws://127.0.0.1:${server.port}/`, { http2: "auto" });
    expect(["WS_BAD_HANDSHAKE", "WS_HANDSHAKE_ABORTED"]).toContain(error.code);
  });
});

describe("HTTP/2 through a proxy", () => {
  it("begins behind the tunnel of an HTTP proxy", async () => {
    const server = await startEcho();
    const proxy = await startHttpProxy();
    const options = { tls, http2: "auto", proxy: proxy.url } as const;
    const dialed = await open(`wss://a.example:${server.port}/`, options);
    expect(dialed.conn.httpVersion).toBe("2.0");
    expect(await echoes(dialed, LARGE)).toBe(true);
    expect(await proxy.asked.next()).toContain(`CONNECT a.example:${server.port} HTTP/1.1`);
  });

  it("and of a SOCKS proxy", async () => {
    const server = await startEcho();
    const proxy = await startSocksProxy();
    const options = { tls, http2: true, proxy: proxy.url } as const;
    const dialed = await open(`wss://localhost:${server.port}/`, options);
    expect(dialed.conn.httpVersion).toBe("2.0");
    expect(await echoes(dialed)).toBe(true);
  });
});

describe("the option http2", () => {
  it.each([["h2"], [2], [null], [{}]])("refuses %s", (value) => {
    expect(() => new Dialer({ http2: value as never })).toThrow(/^http2 must be/u);
  });

  it("excludes tls.ALPNProtocols", () => {
    expect(() => new Dialer({ http2: true, tls: { ALPNProtocols: ["h2"] } })).toThrow(TypeError);
  });
});
