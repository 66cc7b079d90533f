/** Dialer against the server of `ws`: what is asked for, and what is made of the answer. */
import http, { type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { dial, Dialer, type DialEvent } from "@longwire/engine";
import { describe, expect, it } from "vitest";
import { echoes, failOnCrash, failure, LARGE, open, refusal } from "./dialing.ts";
import { answerWith, closedPort, listen, startEcho, startRaw, switching } from "./servers.ts";

failOnCrash();

describe("a dial", () => {
  it("opens a connection, and echoes (gorilla TestDial)", async () => {
    const server = await startEcho();
    const dialed = await open(server.url);
    expect(await echoes(dialed)).toBe(true);
    expect(await echoes(dialed, LARGE)).toBe(true);
    expect(dialed.response).toMatchObject({ status: 101, statusText: "Switching Protocols" });
    expect(dialed.response.headers["upgrade"]).toBe("websocket");
    expect(dialed.url.href).toBe(server.url);
    expect(await dialed.conn.close()).toMatchObject({ code: 1000, wasClean: true });
  });

  it("compresses (gorilla TestDialCompression)", async () => {
    const server = await startEcho({ perMessageDeflate: { threshold: 0 } });
    const dialed = await open(server.url, { compression: true });
    expect(dialed.conn.extensions).toContain("permessage-deflate");
    for (let round = 0; round < 3; round++) expect(await echoes(dialed, LARGE)).toBe(true);
    const plain = await open(server.url);
    expect(plain.conn.extensions).toBe("");
  });

  it("agrees on a subprotocol, sends its headers and shows those of the answer (gorilla TestHandshake)", async () => {
    const server = await startRaw(
      answerWith(switching("Sec-WebSocket-Protocol: p1\r\nSet-Cookie: session=1234\r\n")),
    );
    const { conn, response } = await open(server.url, {
      subprotocols: ["p0", "p1"],
      headers: { Origin: server.url.replace("ws", "http"), "X-Two": ["1", "2"] },
    });
    expect(conn.subprotocol).toBe("p1");
    expect(response.headers["set-cookie"]).toEqual(["session=1234"]);
    expect(response.body).toHaveLength(0);
  });

  it("sends a request of its own making", async () => {
    const server = await startRaw();
    const dialing = failure(`${server.url}a?b`, {
      headers: [["X-Test", "é"]],
      subprotocols: ["x", "y"],
      compression: { serverMaxWindowBits: 15 },
    });
    const peer = await server.peers.next();
    const request = (await peer.readUntil("\r\n\r\n")).toString("latin1");
    expect(request.replace(/Key: .{22}==/u, "Key: <key>")).toBe(
      [
        "GET /a?b HTTP/1.1",
        `Host: 127.0.0.1:${server.port}`,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: <key>",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: x, y",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12",
        "X-Test: é",
        "\r\n",
      ].join("\r\n"),
    );
    peer[Symbol.dispose]();
    await dialing;
  });

  it("takes subprotocols for one dial, with a new key each time", async () => {
    const server = await startEcho();
    const dialer = new Dialer({ subprotocols: ["a"] });
    const dialed = await Promise.all([
      dialer.dial(server.url),
      dialer.dial(server.url, { subprotocols: ["b"] }),
      dialer.dial(server.url, { subprotocols: [] }),
    ]);
    const requests = server.requests.all.map(({ headers }) => headers);
    const offered = requests.map((headers) => headers["sec-websocket-protocol"]);
    expect(new Set(offered)).toEqual(new Set(["a", "b", undefined]));
    expect(new Set(requests.map((headers) => headers["sec-websocket-key"])).size).toBe(3);
    for (const { conn } of dialed) conn.terminate();
  });

  it("masks each frame with a fresh key", async () => {
    const server = await startRaw(answerWith(switching()));
    const { conn } = await open(server.url);
    const peer = await server.peers.next();
    const keys = new Set<string>();
    for (let sent = 0; sent < 50; sent++) {
      await conn.writeMessage(1, "x");
      const frame = await peer.readBytes(7); // 81 81, four bytes of the key, one of the payload
      keys.add(frame.toString("hex", 2, 6));
    }
    expect(keys.size).toBe(50);
  });

  it("is told frames that come in one packet with the 101", async () => {
    const server = await startRaw(async (peer) => {
      const head = Buffer.from(switching(), "latin1");
      await answerWith(`${head.toString("latin1")}\u0081\u0005hello\u0081\u0005world`)(peer);
    });
    const { conn } = await open(server.url);
    expect((await conn.readMessage()).text()).toBe("hello");
    expect((await conn.readMessage()).text()).toBe("world");
  });

  it("takes more tokens than it needs (gorilla TestDialExtraTokensInRespHeaders)", async () => {
    const server = await startRaw(
      answerWith(
        switching()
          .replace("websocket", "foo, websocket")
          .replace(": Upgrade", ": upgrade, keep-alive"),
      ),
    );
    const { conn } = await open(server.url);
    expect(conn.readyState).toBe(1);
  });

  it("skips interim responses", async () => {
    const server = await startRaw(
      answerWith(`HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n${switching()}`),
    );
    const { response } = await open(server.url);
    expect(response.headers["a"]).toBeUndefined();
  });

  it("keeps to the options of a Conn", async () => {
    const server = await startEcho();
    const { conn } = await open(server.url, { readLimit: 10, closeTimeout: 100 });
    await conn.writeMessage(1, "more than ten bytes");
    await expect(conn.readMessage()).rejects.toMatchObject({ code: "WS_READ_LIMIT" });
  });

  it("leaves an open connection to its own devices: the signal has no effect any more", async () => {
    const server = await startEcho();
    const controller = new AbortController();
    const dialed = await open(server.url, { signal: controller.signal });
    controller.abort();
    expect(await echoes(dialed)).toBe(true);
  });
});

describe("options", () => {
  it.each([
    ["http://127.0.0.1/"],
    ["https://127.0.0.1/"],
    ["ftp://127.0.0.1/"],
    ["127.0.0.1"],
    [""],
    ["ws://127.0.0.1/#x"],
  ])("the URL %j is refused (gorilla TestDialBadScheme)", async (url) => {
    expect(await failure(url)).toBeInstanceOf(TypeError);
  });

  it.each([-1, 0, NaN, 2 ** 31])(
    "handshakeTimeout %s is refused (gorilla TestDialTimeout)",
    (handshakeTimeout) => {
      expect(() => new Dialer({ handshakeTimeout })).toThrow(RangeError);
    },
  );

  it.each<[what: string, options: object]>([
    ["proxy", { proxy: "ftp://127.0.0.1" }],
    ["proxy", { proxy: 8080 }],
    ["followRedirects", { followRedirects: "3" }],
    ["tls", { tls: null }],
    ["netDial", { netDial: {} }],
    ["tlsDial", { tlsDial: 1 }],
    ["jar", { jar: "jar" }],
    ["trace", { trace: true }],
    ["basicAuth", { basicAuth: "user:pw" }],
    ["subprotocols", { subprotocols: "chat" }],
    ["subprotocols", { subprotocols: ["a b"] }],
    ["compression", { compression: 1 }],
    ["header", { proxyHeaders: { Host: "x" } }],
    ["readLimit", { readLimit: "1" }],
  ])("%s of another type is refused: %j", (named, options) => {
    expect(() => new Dialer(options)).toThrow(TypeError);
    expect(() => new Dialer(options)).toThrow(named);
  });

  it.each([
    { followRedirects: -1 },
    { followRedirects: 1.5 },
    { readLimit: 0 },
    { closeTimeout: -1 },
  ])("%j is refused", (options) => {
    expect(() => new Dialer(options)).toThrow(RangeError);
  });

  it("are refused by the shorthand as a rejection", async () => {
    await expect(dial("ws://127.0.0.1/", { readLimit: 0 })).rejects.toThrow(RangeError);
  });

  // gorilla's TestDialBadHeader dials with a bad Origin each time, so it shows nothing about these names.
  it.each([
    "Upgrade",
    "connection",
    "SEC-WEBSOCKET-KEY",
    "Sec-Websocket-Version",
    "sec-websocket-extensions",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Accept",
    "Content-Length",
    "transfer-encoding",
  ])(
    "the header %s is refused in any spelling, and nothing is sent (gorilla TestDialBadHeader)",
    async (name) => {
      const server = await startEcho();
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
        const error = await failure(server.url, { headers: { [spelling]: "x" } });
        expect(error).toBeInstanceOf(TypeError);
        expect(error).toMatchObject({
          message: expect.stringContaining("belongs to the handshake"),
        });
      }
      expect(server.requests.all).toHaveLength(0);
    },
  );

  it.each([
    { "X-A": "a\r\nX-B: b" },
    { "X-A": "a\nX-B: b" },
    { "X-A": "a\u0000" },
    { "X-A: b\r\nX-B": "c" },
    { "": "c" },
    { Host: "a\r\nX: b" },
    { "X-A": "\u{1F600}" },
  ])("the headers %j are refused, and nothing is sent", async (headers) => {
    const server = await startRaw();
    expect(await failure(server.url, { headers })).toBeInstanceOf(TypeError);
    expect(server.peers.all).toHaveLength(0);
  });
});

describe("Basic authorization", () => {
  it("is sent only when it is asked for", async () => {
    const server = await startEcho();
    const url = server.url.replace("ws://", "ws://user:p%40ss@");
    const error = await failure(url);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).not.toContain("p@ss");
    expect(server.requests.all).toHaveLength(0);
    const dialed = await open(url, { basicAuth: true });
    const { headers } = await server.requests.next();
    expect(headers.authorization).toBe(`Basic ${btoa("user:p@ss")}`);
    expect(headers.host).toBe(`127.0.0.1:${server.port}`);
    expect(dialed.url.href).toBe(server.url);
  });

  it("takes a user and a password that do not stand in the URL", async () => {
    const server = await startEcho();
    await open(server.url, { basicAuth: { username: "a", password: "b" } });
    expect((await server.requests.next()).headers.authorization).toBe(`Basic ${btoa("a:b")}`);
  });
});

/** Starts a server that answers every upgrade with this. */
async function startRefusing(
  answer: (request: IncomingMessage, response: http.ServerResponse) => void,
): Promise<string> {
  const server = http.createServer().on("upgrade", (request, socket) => {
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as never); // it is a net.Socket on this server
    answer(request, response);
  });
  return `ws://127.0.0.1:${await listen(server)}/`;
}

describe("a refusal", () => {
  it("has its status, headers and body (gorilla TestRespOnBadHandshake)", async () => {
    const url = await startRefusing((_request, response) => {
      response.writeHead(410, "It is gone", { "X-Why": "old" }).end("This is the response body.");
    });
    const error = await refusal(url);
    expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 410 });
    expect(error.message).toBe('server answered 410 "It is gone" instead of 101');
    expect(error.response).toMatchObject({ status: 410, statusText: "It is gone" });
    expect(error.response?.headers["x-why"]).toBe("old");
    expect(error.response?.body.toString()).toBe("This is the response body.");
  });

  it("is 403 for another origin (gorilla TestDialBadOrigin)", async () => {
    const server = await startEcho({
      verifyClient: ({ origin }: { origin: string }) => origin === "x",
    });
    const error = await refusal(server.url, { headers: { Origin: "https://evil.example" } });
    expect(error.status).toBe(401); // ws answers so
    expect(error.response?.body.toString()).toBe("Unauthorized");
  });

  it.each([
    ["with a length", { "Content-Length": "5000" }],
    ["in chunks", {}],
  ])("gives the first 1 KiB of a longer body, %s", async (_, headers) => {
    const url = await startRefusing((_request, response) => {
      response.writeHead(500, headers);
      for (let sent = 0; sent < 5000; sent += 10) response.write("0123456789");
      response.end();
    });
    const error = await refusal(url);
    expect(error.response?.body.toString()).toBe("0123456789".repeat(103).slice(0, 1024));
  });

  it("gives what has come of a body that breaks off, or is held back", async () => {
    const holding = await startRaw(
      answerWith("HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\npart of it"),
    );
    const held = await refusal(holding.url);
    expect(held.response?.body.toString()).toBe("part of it");
    const ended = await startRaw(async (peer) => {
      await answerWith("HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\npart")(peer);
      peer.end();
    });
    expect((await refusal(ended.url)).response?.body.toString()).toBe("part");
  });

  it("does not wait for a body longer than the caller does", async () => {
    const head = "HTTP/1.1 500 No\r\nContent-Length: 100\r\nSet-Cookie: a=b\r\n\r\n";
    const server = await startRaw(answerWith(head));
    const controller = new AbortController();
    const reason = new Error("enough");
    const jar = {
      getCookieString: () => "",
      // the head is there, the body awaited next
      setCookie: () => setTimeout(() => controller.abort(reason), 10),
    };
    expect(await failure(server.url, { signal: controller.signal, jar })).toBe(reason);
    await (await server.peers.next()).ended();
  });

  it("closes the socket", async () => {
    const server = await startRaw(
      answerWith("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    );
    await refusal(server.url);
    expect(await (await server.peers.next()).ended()).toMatch(/fin|reset|destroyed/u);
  });

  it("is one for a 101 with a wrong key, too", async () => {
    const server = await startRaw(answerWith(switching().replace("{accept}", "wrong")));
    const error = await refusal(server.url);
    expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 101 });
    expect(await (await server.peers.next()).ended()).toMatch(/fin|reset|destroyed/u);
  });

  it.each([
    ["a subprotocol that was not offered", "Sec-WebSocket-Protocol: x\r\n"],
    ["an extension that was not offered", "Sec-WebSocket-Extensions: permessage-deflate\r\n"],
  ])("is one for %s", async (_, fields) => {
    const server = await startRaw(answerWith(switching(fields)));
    expect(await refusal(server.url, { subprotocols: ["y"] })).toMatchObject({ status: 101 });
  });

  it("is one for a 101 of HTTP/1.0, or without Upgrade", async () => {
    const old = await startRaw(answerWith(switching().replace("HTTP/1.1", "HTTP/1.0")));
    expect((await refusal(old.url)).message).toContain("HTTP/1.0");
    const bare = await startRaw(answerWith("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
    expect((await refusal(bare.url)).message).toContain("Upgrade");
  });
});

describe("Host (gorilla TestHost)", () => {
  it("is that of the URL, or the caller's; the address is always that of the URL", async () => {
    const server = await startEcho();
    await open(server.url, { headers: { Host: "virtual.example:99" } });
    expect((await server.requests.next()).headers.host).toBe("virtual.example:99");
    await open(server.url);
    expect((await server.requests.next()).headers.host).toBe(`127.0.0.1:${server.port}`);
  });

  it.each([
    ["ws://a.example/", "a.example", { host: "a.example", port: 80 }],
    ["ws://a.example:80/", "a.example", { host: "a.example", port: 80 }],
    ["ws://a.example:81/", "a.example:81", { host: "a.example", port: 81 }],
    ["ws://[::1]/", "[::1]", { host: "::1", port: 80 }],
    ["ws://[::1]:81/", "[::1]:81", { host: "::1", port: 81 }],
  ])(
    "of %s is %s, and is dialed at %j (gorilla TestHostPortNoPort)",
    async (url, host, address) => {
      const server = await startEcho();
      const asked: object[] = [];
      await open(url, {
        netDial: (to) => {
          asked.push(to);
          return connect(server.port, "127.0.0.1");
        },
      });
      expect(asked).toEqual([address]);
      expect((await server.requests.next()).headers.host).toBe(host);
    },
  );
});

describe("trace (gorilla TestTracingDialWithContext)", () => {
  it("tells each phase as it begins", async () => {
    const server = await startEcho();
    const events: DialEvent[] = [];
    await open(server.url, { trace: (event) => events.push(event) });
    expect(events.map(({ phase }) => phase)).toEqual(["route", "connect", "response", "open"]);
    expect(new Set(events.map(({ peer }) => peer))).toEqual(new Set([`127.0.0.1:${server.port}`]));
    const times = events.map(({ elapsed }) => elapsed);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("fails the dial with what it throws, and leaves no socket behind", async () => {
    const server = await startRaw(answerWith(switching()));
    const thrown = new Error("by the trace");
    const error = await failure(server.url, {
      trace: ({ phase }) => {
        if (phase === "open") throw thrown;
      },
    });
    expect(error).toBe(thrown);
    await (await server.peers.next()).ended();
  });
});

it("tells a port on which nobody listens", async () => {
  const port = await closedPort();
  const error = await refusal(`ws://127.0.0.1:${port}/`);
  expect(error).toMatchObject({ code: "WS_DIAL_FAILED", status: 0, response: undefined });
  expect(error.message).toContain(`cannot connect to 127.0.0.1:${port}: `);
  expect(error.cause).toMatchObject({ code: "ECONNREFUSED" });
});
