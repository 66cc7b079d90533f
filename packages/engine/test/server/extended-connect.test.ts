/** WebSockets by extended CONNECT, in the bytes and frames of HTTP/2. RFC 8441. */
import { once } from "node:events";
import http from "node:http";
import http2, { type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import tls from "node:tls";
import { attach, isWebSocketUpgrade, Upgrader, type Conn } from "@longwire/engine";
import {
  deferred,
  Inbox,
  nextEvent,
  rawClose,
  rawText,
  RawPeer,
  requestText,
  upgradeText,
  within,
} from "@longwire/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { SERVER } from "../client/certificates.ts";
import { listen } from "../client/servers.ts";
import { answerUpgrade, echo, failOnCrash, socketApp } from "./attached-server.ts";
import { connect, start, startApp, startEcho } from "./http2-server.ts";

failOnCrash();

describe("RFC 8441 §4-5: an extended CONNECT request", () => {
  it("is accepted with 200, and without the fields of HTTP/1.1", async () => {
    const { client } = await startEcho({ subprotocols: ["chat"], compression: true });
    const { headers, peer } = await client.open("/", {
      "sec-websocket-protocol": "other, chat",
      "sec-websocket-extensions": "permessage-deflate",
      "sec-websocket-key": "is not looked at",
    });
    expect(headers[":status"]).toBe(200);
    expect(headers["sec-websocket-protocol"]).toBe("chat");
    expect(headers["sec-websocket-extensions"]).toContain("permessage-deflate");
    for (const name of ["connection", "upgrade", "sec-websocket-accept", "content-length"]) {
      expect(headers[name]).toBeUndefined();
    }
    peer.send(rawText("hello"));
    expect((await peer.readFrame()).payload.toString()).toBe("hello");
  });

  it("is a GET of HTTP/2.0 to the app, and its socket has the addresses of the connection", async () => {
    const seen = deferred<unknown>();
    const { client, port } = await startApp((request, response) => {
      const { method, url, httpVersion, headers, headersDistinct, socket } = request;
      seen.resolve({
        method,
        url,
        httpVersion,
        cookie: headers.cookie,
        host: headers.host,
        twice: headersDistinct["x-two"],
        remote: socket.remoteAddress,
        local: socket.localPort,
        upgrade: isWebSocketUpgrade(request),
      });
      void answerUpgrade(request, response, {});
    });
    await client.open("/path?q=1", { cookie: ["a=1", "b=2"], "x-two": ["1", "2"] });
    expect(await seen.promise).toEqual({
      method: "GET",
      url: "/path?q=1",
      httpVersion: "2.0",
      cookie: "a=1; b=2",
      host: `127.0.0.1:${port}`,
      twice: ["1", "2"],
      remote: "127.0.0.1",
      local: port,
      upgrade: true,
    });
  });

  it("gives a Conn that knows its version and addresses", async () => {
    const opened = deferred<Conn>();
    const { client, port } = await startEcho({}, (conn) => opened.resolve(conn));
    await client.open("/");
    const conn = await opened.promise;
    expect(conn.httpVersion).toBe("2.0");
    expect(conn.remoteAddress).toBe("127.0.0.1");
    expect(conn.localAddress).toBe("127.0.0.1");
    expect(port).toBeGreaterThan(0);
  });

  it.each([
    ["an origin of another host", { origin: "https://evil.example" }, 403],
    ["another version", { "sec-websocket-version": "12" }, 426],
    ["no version", { "sec-websocket-version": undefined }, 426],
    ["a declared body", { "content-length": "5" }, 400],
    ["a target that is no path", { ":path": "//evil.example" }, 400],
  ])("with %s is refused", async (_what, fields, status) => {
    const { client } = await startEcho({ warn: () => {} });
    const answer = await client.refused("/", fields);
    expect(answer.status).toBe(status);
    expect(answer.body).toBe(http.STATUS_CODES[status]);
    expect(answer.headers["upgrade"]).toBeUndefined();
  });

  it("with the origin of its :authority is accepted", async () => {
    const { client, port } = await startEcho();
    const { headers } = await client.open("/", { origin: `http://127.0.0.1:${port}` });
    expect(headers[":status"]).toBe(200);
  });

  it("with more header fields than node takes is refused, and the session goes on", async () => {
    const { client } = await startEcho();
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`x-${at}`, "1"]));
    const stream = client.request("/", many);
    await nextEvent(stream, "close");
    expect(stream.rstCode).not.toBe(0);
  });

  it("is left alone when another listener has answered the stream", async () => {
    const server = http2.createServer();
    server.on("stream", (stream: ServerHttp2Stream) => {
      stream.respond({ ":status": 200, "x-by": "theirs" });
    });
    const attachment = attach(server, socketApp());
    const client = await connect(await listen(server));
    expect((await client.open("/")).headers["x-by"]).toBe("theirs");
    expect(attachment.conns.size).toBe(0);
  });

  it("that no app claims gets 404", async () => {
    const server = http2.createServer((_request, response) => void response.end());
    attach(server, socketApp(), { only: ({ url }) => url === "/mine" });
    const client = await connect(await listen(server));
    expect((await client.open("/mine")).headers[":status"]).toBe(200);
    expect((await client.refused("/other")).status).toBe(404);
  });
});

describe("other CONNECT requests", () => {
  const bodies = [true, false]; // with node's own requests, or streams alone
  it.each(bodies)("another :protocol is 501, a tunnel 405 (requests: %s)", async (requests) => {
    const server = http2.createServer();
    if (requests) server.on("request", (_request, response) => void response.end());
    attach(server, socketApp());
    const client = await connect(await listen(server));
    expect((await client.refused("/", { ":protocol": "connect-udp" })).status).toBe(501);
    const tunnel = { ":protocol": undefined, ":scheme": undefined, ":path": undefined };
    expect((await client.refused("/", tunnel)).status).toBe(405);
  });

  it("are left to a listener for connect", async () => {
    const server = http2.createServer((_request, response) => void response.end());
    server.on("connect", (request: { headers: IncomingHttpHeaders }, response) => {
      if (request.headers[":protocol"] === "websocket") return;
      response.statusCode = 299;
      response.end();
    });
    attach(server, socketApp());
    const client = await connect(await listen(server));
    expect((await client.refused("/", { ":protocol": "connect-udp" })).status).toBe(299);
    expect((await client.open("/")).headers[":status"]).toBe(200);
  });
});

describe("responses of the app", () => {
  it.each([200, 204, 206])("a %i that accepts nothing goes out as 405", async (status) => {
    const { client } = await startApp((_request, response) => {
      response.writeHead(status, { "x-a": "1" });
      response.end(status === 204 ? undefined : "page");
    });
    const answer = await client.refused("/");
    expect(answer.status).toBe(405);
    expect(answer.headers["x-a"]).toBe("1");
  });

  it("a 101 that accepts nothing goes out as 500", async () => {
    const { client } = await startApp((_request, response) => {
      response.writeHead(101);
      response.end();
    });
    expect((await client.refused("/")).status).toBe(500);
  });

  it("keep fields, cookies and body, and lose what belongs to connections of HTTP/1.1", async () => {
    const { client } = await startApp((_request, response) => {
      response.setHeader("Set-Cookie", ["a=1", "b=2"]);
      response.writeHead(401, "Who", {
        "Transfer-Encoding": "chunked",
        Connection: "keep-alive",
        "Keep-Alive": "timeout=5",
        "X-Reason": "guard",
      });
      response.write("one, ");
      response.write(Buffer.from("two, "));
      response.end("thrée", "utf8");
    });
    const { status, headers, body } = await client.refused("/");
    expect([status, body]).toEqual([401, "one, two, thrée"]);
    expect(headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(headers["x-reason"]).toBe("guard");
    expect(headers["date"]).toBeDefined();
    for (const name of ["transfer-encoding", "connection", "keep-alive"]) {
      expect(headers[name]).toBeUndefined();
    }
  });

  it("of many MiB come whole, however slowly they are read", async () => {
    const { client } = await startApp((_request, response) => {
      response.statusCode = 403;
      const write = (left: number): void => {
        if (left === 0) response.end();
        else if (response.write("x".repeat(65_536))) write(left - 1);
        else response.once("drain", () => write(left - 1));
      };
      write(64);
    });
    expect((await client.refused("/")).body).toHaveLength(64 * 65_536);
  });

  it("may be preceded by early hints", async () => {
    const { client } = await startApp((request, response) => {
      response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      void answerUpgrade(request, response, {});
    });
    const stream = client.request("/");
    const [hints] = (await within(once(stream, "headers"), "the hints")) as [IncomingHttpHeaders];
    expect(hints).toMatchObject({ ":status": 103, link: "</style.css>; rel=preload" });
    const [headers] = (await within(once(stream, "response"), "the response")) as [
      IncomingHttpHeaders,
    ];
    expect(headers[":status"]).toBe(200);
  });

  it("that come too late are 408, and silent after that", async () => {
    const late = deferred<http.ServerResponse>();
    const { port } = await start((_request, response) => late.resolve(response), {
      handshakeTimeout: 50,
    });
    const client = await connect(port);
    expect((await client.refused("/")).status).toBe(408);
    const response = await late.promise;
    response.writeHead(200);
    response.end("too late");
  });
});

describe("§5: the end of a connection", () => {
  it("is END_STREAM on both sides, and no RST_STREAM", async () => {
    const { client, attachment } = await startEcho();
    const { stream, peer } = await client.open("/");
    const aborted: string[] = [];
    stream.on("aborted", () => aborted.push("aborted"));
    peer.send(rawClose(1000));
    expect((await peer.readClose()).code).toBe(1000);
    expect(await peer.ended()).toBe("fin");
    stream.end();
    await nextEvent(stream, "close");
    expect([stream.rstCode, aborted]).toEqual([0, []]);
    await client.get("/"); // the server has seen END_STREAM by now
    expect(attachment.conns.size).toBe(0);
    expect(client.session.closed).toBe(false);
  });

  it("by the peer's END_STREAM without a close frame is 1006, answered by END_STREAM", async () => {
    const ends = new Inbox<number>("the end");
    const { client } = await startEcho({}, (conn) => {
      void conn.closed.then(({ code }) => ends.push(code));
      return echo(conn);
    });
    const { stream, peer } = await client.open("/");
    stream.end();
    expect(await peer.ended()).toBe("fin");
    expect(await ends.next()).toBe(1006);
    expect(stream.rstCode).toBe(0);
  });

  it.each([0, 2, 8])("by the peer's RST_STREAM (%i) is 1006", async (code) => {
    const ends = new Inbox<number>("the end");
    const { client } = await startEcho({}, (conn) => {
      void conn.closed.then((end) => ends.push(end.code));
      return echo(conn);
    });
    const { stream } = await client.open("/");
    stream.close(code);
    expect(await ends.next()).toBe(1006);
    expect((await client.open("/")).headers[":status"]).toBe(200);
  });

  it("by RST_STREAM (NO_ERROR) is 1006 although a write is under way, and messages before it are read", async () => {
    const opened = deferred<Conn>();
    const { client } = await startEcho({ closeTimeout: 60_000 }, (conn) => opened.resolve(conn));
    const { stream, peer } = await client.open("/");
    peer.stopReading();
    const conn = await opened.promise;
    for (let count = 0; count < 4; count++) conn.send(Buffer.alloc(65_536));
    peer.send(rawText("last words"));
    stream.close(http2.constants.NGHTTP2_NO_ERROR);
    await client.get("/");
    expect((await conn.readMessage()).text()).toBe("last words");
    await expect(conn.readMessage()).rejects.toMatchObject({ code: 1006 });
    await within(conn.closed, "the end");
  });

  it("by terminate() is RST_STREAM with CANCEL", async () => {
    const { client } = await startEcho({}, (conn) => conn.terminate());
    const stream = client.request("/");
    await nextEvent(stream, "close");
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
  });

  it("with the session is 1006 for every connection on it", async () => {
    const ends = new Inbox<number>("an end");
    const { client, attachment } = await startEcho({}, (conn) => {
      void conn.closed.then((end) => ends.push(end.code));
      return echo(conn);
    });
    for (let count = 0; count < 3; count++) await client.open("/");
    client.session.destroy();
    expect([await ends.next(), await ends.next(), await ends.next()]).toEqual([1006, 1006, 1006]);
    expect(attachment.conns.size).toBe(0);
  });
});

describe("bytes before the 200", () => {
  it("are the connection's first", async () => {
    const pass = deferred();
    const { client } = await startApp(async (request, response) => {
      await pass.promise;
      await answerUpgrade(request, response, {});
    });
    const stream = client.request("/");
    const peer = new RawPeer(stream);
    peer.send(rawText("early"));
    await client.get("/"); // the frames have arrived by now
    pass.resolve();
    expect((await peer.readFrame()).payload.toString()).toBe("early");
  });

  it("END_STREAM before the answer opens a connection that has ended", async () => {
    const pass = deferred();
    const ends = new Inbox<number>("the end");
    const { client } = await startApp(async (request, response) => {
      await pass.promise;
      await answerUpgrade(request, response, {
        handler: (conn) => {
          void conn.closed.then((end) => ends.push(end.code));
          return echo(conn);
        },
      });
    });
    const stream = client.request("/");
    stream.end();
    await client.get("/");
    pass.resolve();
    expect(await ends.next()).toBe(1006);
  });

  it("END_STREAM with the request itself is no other case", async () => {
    const ends = new Inbox<number>("the end");
    const { client } = await startEcho({}, (conn) => {
      void conn.closed.then((end) => ends.push(end.code));
      return echo(conn);
    });
    const stream = client.session.request(
      {
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":scheme": "http",
        ":path": "/",
        ":authority": "localhost",
        "sec-websocket-version": "13",
      },
      { endStream: true },
    );
    const [headers] = (await within(once(stream, "response"), "the response")) as [
      IncomingHttpHeaders,
    ];
    expect(headers[":status"]).toBe(200);
    expect(await ends.next()).toBe(1006);
  });

  it("a reset before the answer aborts the request and releases its slot", async () => {
    const upgrader = new Upgrader({ maxConnections: 1 });
    const failures: unknown[] = [];
    const arrived = new Inbox<http.IncomingMessage>("a request");
    const pass = deferred();
    const { client } = await startApp(async (request, response) => {
      arrived.push(request);
      if (request.url === "/slow") await pass.promise;
      await answerUpgrade(request, response, { upgrader }).catch((error) => failures.push(error));
    });
    const stream = client.request("/slow");
    const request = await arrived.next();
    const gone = once(request, "close");
    stream.close(8);
    await within(gone, "the end of the request");
    pass.resolve();
    expect((await client.open("/")).headers[":status"]).toBe(200);
    expect(failures).toEqual([]);
  });

  it.each([0, 8])("a reset (%i) in the middle of a refusal ends its response", async (code) => {
    const gone = deferred();
    const { client } = await startApp((_request, response) => {
      response.once("close", () => gone.resolve());
      response.writeHead(403).write("x".repeat(1_000_000));
    });
    const stream = client.request("/");
    stream.write(rawText("early"));
    await within(once(stream, "response"), "the response");
    stream.close(code);
    await expect(within(gone.promise, "the end of the response")).resolves.toBeUndefined();
  });

  it("CONNECT and RST_STREAM in a loop leave nothing behind (CVE-2023-44487)", async () => {
    const { port, attachment } = await start(socketApp());
    const client = await connect(port);
    for (let count = 0; count < 500; count++) {
      const stream = client.request("/");
      stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    await client.get("/");
    const other = await connect(port); // node may have ended the session of such a client
    const { peer } = await other.open("/");
    peer.send(rawText("still there"));
    expect((await peer.readFrame()).payload.toString()).toBe("still there");
    expect(attachment.conns.size).toBe(1);
  });
});

describe("flow control", () => {
  it("a connection that does not read holds its peer back, and no other stream", async () => {
    const opened = deferred<Conn>();
    const release = deferred();
    const { client } = await startApp((request, response) => {
      const busy = (conn: Conn): Promise<void> => {
        opened.resolve(conn);
        return release.promise;
      };
      const handler = request.url === "/idle" ? busy : echo;
      void answerUpgrade(request, response, { handler });
    });
    const idle = await client.open("/idle");
    const conn = await opened.promise;
    const message = rawText("x".repeat(60_000));
    const sent: Array<Promise<void>> = [];
    for (let count = 0; count < 40; count++) {
      sent.push(new Promise((resolve) => idle.stream.write(message, () => resolve())));
    }
    const { peer } = await client.open("/echo");
    peer.send(rawText("passes by"));
    expect((await peer.readFrame()).payload.toString()).toBe("passes by");
    expect(idle.stream.writableLength).toBeGreaterThan(1_000_000);
    for (let count = 0; count < 40; count++) {
      expect((await conn.readMessage()).data).toHaveLength(60_000);
    }
    await within(Promise.all(sent), "what was held back");
    release.resolve();
  });

  it("writes wait for a peer that does not read", async () => {
    const opened = deferred<Conn>();
    const { client } = await startEcho({}, (conn) => opened.resolve(conn));
    const { peer } = await client.open("/");
    peer.stopReading();
    const conn = await opened.promise;
    let written = 0;
    const all = (async () => {
      for (; written < 64; written++) await conn.writeMessage(2, Buffer.alloc(65_536));
    })();
    await client.get("/");
    await client.get("/");
    expect(written).toBeLessThan(64);
    peer.resumeReading();
    await within(all, "the writes");
  });
});

describe("a TLS server with allowHTTP1", () => {
  it("takes WebSockets over both versions", async () => {
    const versions = new Inbox<string>("a connection");
    const server = http2.createSecureServer({ ...SERVER, allowHTTP1: true }, (_request, response) =>
      (response as unknown as http.ServerResponse).end("page"),
    );
    attach(
      server,
      socketApp((conn) => {
        versions.push(conn.httpVersion);
        return echo(conn);
      }),
    );
    const port = await listen(server);
    const client = await connect(port, { rejectUnauthorized: false });
    const first = await client.open("/");
    first.peer.send(rawText("two"));
    expect((await first.peer.readFrame()).payload.toString()).toBe("two");
    expect(await versions.next()).toBe("2.0");
    expect((await client.get("/")).body).toBe("page");

    const secure = { port, host: "127.0.0.1", rejectUnauthorized: false };
    const second = new RawPeer(tls.connect({ ...secure, ALPNProtocols: ["http/1.1"] }));
    onTestFinished(() => second[Symbol.dispose]());
    second.send(upgradeText("/"));
    expect((await second.readResponse()).status).toBe(101);
    second.send(rawText("one"));
    expect((await second.readFrame()).payload.toString()).toBe("one");
    expect(await versions.next()).toBe("1.1");
    const third = new RawPeer(tls.connect({ ...secure, ALPNProtocols: ["http/1.1"] }));
    onTestFinished(() => third[Symbol.dispose]());
    third.send(requestText("/", { Upgrade: "h2c", Connection: "Upgrade, HTTP2-Settings" }));
    expect(await third.readResponse()).toMatchObject({ status: 200, body: "page" });
  });
});
