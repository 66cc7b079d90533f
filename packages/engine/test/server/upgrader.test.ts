import http, { type IncomingMessage } from "node:http";
import { Upgrader, type Conn, type UpgraderOptions } from "@longwire/engine";
import {
  deferred,
  EXAMPLE_ACCEPT,
  memoryDuplexPair,
  rawClose,
  RawPeer,
  rawText,
  requestText,
  upgradeText,
  type RequestFields,
} from "@longwire/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  answerUpgrade,
  connectRaw,
  echo,
  failOnCrash,
  listen,
  serve,
  socketApp,
  withoutDate,
} from "./attached-server.ts";

failOnCrash();

/** A server whose `upgrade` listener is the application's own, and whose connections may end as they like. */
async function serveBare(
  upgrader: Upgrader,
  use: (conn: Conn) => unknown = echo,
  onRefused: (error: unknown) => void = () => {},
): Promise<number> {
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    upgrader.upgrade(request, socket, head).then((conn) => {
      Promise.resolve(use(conn)).catch(() => {});
    }, onRefused);
  });
  return listen(server);
}

async function statusOf(port: number, fields: RequestFields = {}): Promise<number> {
  const peer = await connectRaw(port);
  peer.send(upgradeText("/", fields));
  return (await peer.readResponse()).status;
}

describe("upgrade(request)", () => {
  it("sends the 101 then and there, with what the response has by then", async () => {
    const upgrader = new Upgrader();
    const { port } = await serve(async (request, response) => {
      response.setHeader("Set-Cookie", "early=1");
      const conn = await upgrader.upgrade(request, { headers: [["X-Route", "chat"]] });
      expect(response.headersSent).toBe(true);
      await echo(conn);
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect(withoutDate(await peer.readUntil("\r\n\r\n"))).toBe(
      "HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: early=1\r\n" +
        "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${EXAMPLE_ACCEPT}\r\nX-Route: chat\r\n\r\n`,
    );
    peer.send(rawText("hello"));
    expect((await peer.readFrame()).payload.toString()).toBe("hello");
  });

  it.each([
    [
      "sets a header in a wrapped end()",
      (response: http.ServerResponse) => {
        const end = response.end.bind(response) as () => http.ServerResponse; // the 101 is ended without a body
        response.end = () => end.call(response.setHeader("X-Late", "1"));
      },
    ],
    [
      "sets a header in a wrapped writeHead()",
      (response: http.ServerResponse) => {
        const writeHead = response.writeHead.bind(response) as (
          ...given: readonly unknown[]
        ) => http.ServerResponse; // all of its forms
        response.writeHead = (...given: readonly unknown[]) => {
          // An old habit of middleware: an array is taken for pairs of name and value.
          for (const [name, value] of given.flatMap((one) => (Array.isArray(one) ? one : [])))
            response.setHeader(name as string, value as string);
          response.setHeader("X-Late", "1");
          return writeHead(...given);
        };
      },
    ],
  ])("lets middleware have the last word that %s", async (_what, wrap) => {
    const upgrader = new Upgrader();
    const { port } = await serve(async (request, response) => {
      wrap(response);
      await echo(await upgrader.upgrade(request, { headers: [["X-Route", "chat"]] }));
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    const head = await peer.readUntil("\r\n\r\n");
    for (const line of ["X-Late: 1", "X-Route: chat", `Sec-WebSocket-Accept: ${EXAMPLE_ACCEPT}`])
      expect(String(head)).toContain(`${line}\r\n`);
    expect(String(head)).not.toMatch(/^\w: /mu);
  });

  it("sends a header of several lines line by line", async () => {
    const upgrader = new Upgrader();
    const cookies = [
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ] as const;
    const { port } = await serve(async (request) => {
      await echo(await upgrader.upgrade(request, { headers: cookies }));
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    const head = withoutDate(await peer.readUntil("\r\n\r\n"));
    expect(head).toContain("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
  });

  it("writes the refusal and rejects; a listener that does not catch is not at fault", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const upgrader = new Upgrader();
    const { port } = await serve(async (request) => {
      await upgrader.upgrade(request);
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/", { "Sec-WebSocket-Key": "short" }));
    expect(await peer.readResponse()).toMatchObject({ status: 400, body: "Bad Request" });
    expect(await peer.ended()).toBe("fin");
    expect(print).not.toHaveBeenCalled();
    print.mockRestore();
  });

  it("rejects for a plain request, whose answer is the caller's", async () => {
    const upgrader = new Upgrader();
    const { port } = await serve((request, response) => {
      upgrader.upgrade(request).catch((error: { status: number }) => {
        response.writeHead(error.status).end("not here");
      });
    });
    const peer = await connectRaw(port);
    peer.send(requestText("/"));
    expect(await peer.readResponse()).toMatchObject({ status: 426, body: "not here" });
  });

  it("rejects when the peer goes while a check awaits", async () => {
    const arrived = deferred();
    const go = deferred();
    const rejected = deferred<unknown>();
    const upgrader = new Upgrader({
      checkOrigin: async () => {
        arrived.resolve();
        await go.promise;
        return true;
      },
    });
    const { port } = await serve((request, response) => {
      response.on("close", go.resolve);
      upgrader.upgrade(request).catch(rejected.resolve);
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await arrived.promise;
    peer.reset();
    expect(await rejected.promise).toMatchObject({ code: "WS_HANDSHAKE_ABORTED" });
  });

  it("lets a listener that throws afterwards end the connection with 1011", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const upgrader = new Upgrader();
    const fault = new Error("listener is broken");
    const { port } = await serve(async (request) => {
      await upgrader.upgrade(request);
      throw fault;
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    expect((await peer.readClose()).code).toBe(1011);
    expect(print).toHaveBeenCalledExactlyOnceWith(fault);
    print.mockRestore();
  });

  it("does not print the end of the connection that a listener meets", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const upgrader = new Upgrader();
    const { port, attachment } = await serve(async (request) => {
      await echo(await upgrader.upgrade(request));
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    peer.send(rawClose(4000));
    await peer.readClose();
    await peer.ended();
    await vi.waitFor(() => expect(attachment.conns.size).toBe(0));
    expect(print).not.toHaveBeenCalled();
    print.mockRestore();
  });
});

describe("upgrade(request, socket, head)", () => {
  it("works without attach, and keeps the bytes behind the request", async () => {
    const port = await serveBare(new Upgrader());
    const peer = await connectRaw(port);
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), rawText("early")]));
    await peer.readResponse();
    expect((await peer.readFrame()).payload.toString()).toBe("early");
  });

  it("works over any Duplex", async () => {
    const [ours, theirs] = memoryDuplexPair();
    const request = new http.IncomingMessage(ours as never); // it asks of its socket what a Duplex has
    request.method = "GET";
    request.url = "/";
    request.httpVersionMajor = 1;
    request.httpVersionMinor = 1;
    request.rawHeaders = upgradeText("/")
      .split("\r\n")
      .slice(1, -2)
      .flatMap((line) => line.split(": "));
    const peer = new RawPeer(theirs);
    onTestFinished(() => peer[Symbol.dispose]());
    const upgrading = new Upgrader().upgrade(request, ours, rawText("early"));
    expect((await peer.readResponse()).status).toBe(101);
    const conn = await upgrading;
    expect((await conn.readMessage()).text()).toBe("early");
    conn.terminate();
  });

  it.each([
    ["a body", { "Content-Length": "5" }, "hello", 400],
    ["a wrong key", { "Sec-WebSocket-Key": "short" }, "", 400],
    ["another protocol", { Upgrade: "h2c" }, "", 426],
  ])(
    "refuses %s, and a rejection that nobody catches is harmless",
    async (_name, fields, body, status) => {
      const server = http.createServer();
      const upgrader = new Upgrader();
      server.on("upgrade", (request, socket, head) => void upgrader.upgrade(request, socket, head));
      const peer = await connectRaw(await listen(server));
      peer.send(upgradeText("/", fields) + body);
      expect((await peer.readResponse()).status).toBe(status);
      expect(await peer.ended()).toBe("fin");
    },
  );

  it("answers 500 when a check throws", async () => {
    const rejected = deferred<unknown>();
    const fault = new Error("check is broken");
    const checkOrigin = (): never => {
      throw fault;
    };
    const port = await serveBare(new Upgrader({ checkOrigin }), echo, rejected.resolve);
    expect(await statusOf(port)).toBe(500);
    expect(await rejected.promise).toBe(fault);
  });

  it("destroys a socket with an open response before it", async () => {
    const server = http.createServer(() => {});
    const rejected = deferred<unknown>();
    server.on("upgrade", (request, socket, head) => {
      new Upgrader().upgrade(request, socket, head).catch(rejected.resolve);
    });
    const peer = await connectRaw(await listen(server));
    peer.send(requestText("/open") + upgradeText("/"));
    expect(await peer.readToEnd()).toHaveLength(0);
    expect(await rejected.promise).toMatchObject({ code: "WS_BAD_HANDSHAKE" });
  });
});

describe("the origin check", () => {
  async function refusalOf(
    fields: RequestFields,
    options: UpgraderOptions,
  ): Promise<[number, string[]]> {
    const lines: string[] = [];
    const { port } = await serve(
      socketApp(echo, { warn: (line) => void lines.push(line), ...options }),
    );
    return [await statusOf(port, fields), lines];
  }

  it("lets no origin and the own host pass", async () => {
    expect(await refusalOf({}, {})).toEqual([101, []]);
    const own = { Host: "chat.example:8080", Origin: "http://CHAT.example:8080" };
    expect(await refusalOf(own, {})).toEqual([101, []]);
  });

  it("refuses another host with 403, and one line says what met what and what helps", async () => {
    const foreign = { Host: "chat.example", Origin: "https://evil.example" };
    const [status, lines] = await refusalOf(foreign, {});
    expect(status).toBe(403);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/"https:\/\/evil\.example".*"chat\.example".*allowedOrigins/u);
  });

  it("warns on the console by default", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { port } = await serve(socketApp());
    expect(await statusOf(port, { Origin: "null" })).toBe(403);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("allowedOrigins"));
    warn.mockRestore();
  });

  it.each(["http://[", "%%", "null", "file://", ""])(
    "refuses the malformed origin %j",
    async (Origin) => {
      expect((await refusalOf({ Origin }, {}))[0]).toBe(403);
    },
  );

  it("compares with the host that the framework sees", async () => {
    const upgrader = new Upgrader({ warn: () => {} });
    const { port } = await serve((request, response) => {
      void answerUpgrade(request, response, { upgrader, host: "public.example" });
    });
    expect(await statusOf(port, { Origin: "https://public.example" })).toBe(101);
    expect(await statusOf(port, { Host: "inner", Origin: "https://inner" })).toBe(403);
  });

  it("admits allowedOrigins besides", async () => {
    const options = { allowedOrigins: ["https://app.example"] };
    expect((await refusalOf({ Origin: "https://app.example" }, options))[0]).toBe(101);
    expect((await refusalOf({ Origin: "https://other.example" }, options))[0]).toBe(403);
  });

  it("is the application's when it gives one, sync or async", async () => {
    const asked: unknown[] = [];
    const checkOrigin = async (request: IncomingMessage, origin: string | undefined) => {
      asked.push([request.url, origin]);
      await Promise.resolve();
      return origin === "https://a.example";
    };
    expect(await refusalOf({ Origin: "https://a.example" }, { checkOrigin })).toEqual([101, []]);
    expect(await refusalOf({ Origin: "https://b.example" }, { checkOrigin })).toEqual([403, []]);
    expect(await refusalOf({}, { checkOrigin: () => false })).toEqual([403, []]);
    expect(asked).toEqual([
      ["/", "https://a.example"],
      ["/", "https://b.example"],
    ]);
  });
});

describe("connection limits", () => {
  it("refuse with 503 and let the next one in when one has gone", async () => {
    const upgrader = new Upgrader({ maxConnections: 2 });
    const { port, attachment } = await serve((request, response) => {
      void answerUpgrade(request, response, { upgrader });
    });
    const first = await RawPeer.upgrade(port, "/");
    onTestFinished(() => first[Symbol.dispose]());
    expect(await statusOf(port)).toBe(101);
    expect(await statusOf(port)).toBe(503);
    first.send(rawClose(1000));
    await first.ended();
    await vi.waitFor(() => expect(attachment.conns.size).toBe(1));
    expect(await statusOf(port)).toBe(101);
  });

  it("count those whose 101 is not out yet", async () => {
    const upgrader = new Upgrader({ maxConnections: 1 });
    const port = await serveBare(upgrader);
    const statuses = await Promise.all([1, 2, 3, 4].map(() => statusOf(port)));
    expect(statuses.toSorted((a, b) => a - b)).toEqual([101, 503, 503, 503]);
  });

  it("of one address refuse with 429, by the address that the framework sees", async () => {
    const upgrader = new Upgrader({ maxConnectionsPerAddress: 1 });
    const seen: unknown[] = [];
    const { port } = await serve((request, response) => {
      const handler = (conn: Conn): Promise<void> => {
        seen.push(conn.remoteAddress);
        return echo(conn);
      };
      const address = request.headers["x-forwarded-for"] as string | undefined; // sent once, so no array
      void answerUpgrade(request, response, { upgrader, handler, address });
    });
    expect(await statusOf(port, { "X-Forwarded-For": "10.0.0.1" })).toBe(101);
    expect(await statusOf(port, { "X-Forwarded-For": "10.0.0.1" })).toBe(429);
    expect(await statusOf(port, { "X-Forwarded-For": "10.0.0.2" })).toBe(101);
    expect(await statusOf(port)).toBe(101);
    await vi.waitFor(() => expect(seen).toEqual(["10.0.0.1", "10.0.0.2", "127.0.0.1"]));
  });
});

describe("the option error", () => {
  it("writes the refusal", async () => {
    const error: UpgraderOptions["error"] = async (failure, request) => {
      await Promise.resolve();
      return {
        status: 418,
        headers: { "Content-Type": "application/json", "Retry-After": "5" },
        body: JSON.stringify({ status: failure.status, url: request.url }),
      };
    };
    const { port } = await serve(socketApp(echo, { error }));
    const peer = await connectRaw(port);
    peer.send(upgradeText("/x", { "Sec-WebSocket-Version": "7" }));
    expect(withoutDate(await peer.readToEnd())).toBe(
      "HTTP/1.1 418 I'm a Teapot\r\n" +
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        "Content-Type: application/json\r\nRetry-After: 5\r\n" +
        'Content-Length: 25\r\n\r\n{"status":426,"url":"/x"}',
    );
  });

  it("that returns nothing leaves the engine's refusal", async () => {
    const error = vi.fn<() => undefined>();
    const port = await serveBare(new Upgrader({ error }));
    const peer = await connectRaw(port);
    peer.send(upgradeText("/", { "Sec-WebSocket-Key": "short" }));
    expect(await peer.readResponse()).toMatchObject({ status: 400, body: "Bad Request" });
    expect(error).toHaveBeenCalledOnce();
  });

  it.each([{ status: 200 }, { status: 600 }, { headers: { "X-Bad": "a\r\nb" } }])(
    "cannot answer %j",
    async (response) => {
      const rejected = deferred<unknown>();
      const port = await serveBare(new Upgrader({ error: () => response }), echo, rejected.resolve);
      expect(await statusOf(port, { "Sec-WebSocket-Key": "short" })).toBe(500);
      expect([TypeError, RangeError]).toContain(((await rejected.promise) as Error).constructor);
    },
  );
});

describe("subprotocols", () => {
  it("are chosen in the server's order and shown by the connection", async () => {
    const chosen = deferred<string>();
    const { port } = await serve(
      socketApp((conn) => chosen.resolve(conn.subprotocol), { subprotocols: ["v2", "v1"] }),
    );
    const peer = await connectRaw(port);
    peer.send(upgradeText("/", { "Sec-WebSocket-Protocol": ["v1", "x, v2"] }));
    expect((await peer.readResponse()).header("Sec-WebSocket-Protocol")).toBe("v2");
    expect(await chosen.promise).toBe("v2");
  });

  it("without a match are left out", async () => {
    const { port } = await serve(socketApp(echo, { subprotocols: () => undefined }));
    const peer = await connectRaw(port);
    peer.send(upgradeText("/", { "Sec-WebSocket-Protocol": "x" }));
    expect((await peer.readResponse()).header("Sec-WebSocket-Protocol")).toBeUndefined();
  });
});

describe("Upgrader options", () => {
  it.each([
    [{ readLimit: 0 }, "readLimit"],
    [{ handshakeTimeout: Number.NaN }, "handshakeTimeout"],
    [{ maxConnections: 0 }, "maxConnections"],
    [{ maxConnectionsPerAddress: -1 }, "maxConnectionsPerAddress"],
    [{ checkOrigin: true }, "checkOrigin"],
    [{ error: "no" }, "error"],
    [{ warn: 1 }, "warn"],
    [{ allowedOrigins: ["*"] }, "allowedOrigins"],
    [{ allowedOrigins: [], checkOrigin: () => true }, "allowedOrigins"],
    [{ subprotocols: ["a b"] }, "subprotocols"],
  ])("%j is refused by name", (options, name) => {
    // What TypeScript would refuse, JavaScript can pass.
    expect(() => new Upgrader(options as never)).toThrow(name);
  });

  it("reach the connection", async () => {
    const port = await serveBare(new Upgrader({ readLimit: 4 }));
    const peer = await connectRaw(port);
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), rawText("hello")]));
    await peer.readResponse();
    expect((await peer.readClose()).code).toBe(1009);
  });
});
