import http, { ServerResponse, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { attach, decideUpgrade, Upgrader, type Conn } from "@longwire/engine";
import {
  deferred,
  EXAMPLE_ACCEPT,
  nextEvent,
  rawClose,
  rawText,
  requestText,
  upgradeText,
  within,
} from "@longwire/testkit";
import { describe, expect, it, vi } from "vitest";
import {
  answerUpgrade,
  connectRaw,
  failOnCrash,
  listen,
  serve,
  socketApp,
  withoutDate,
} from "./attached-server.ts";

failOnCrash();

const CHUNKED = { "Transfer-Encoding": "chunked" };

async function expectAlive(port: number): Promise<void> {
  const peer = await connectRaw(port);
  peer.send(upgradeText("/"));
  expect((await peer.readResponse()).status).toBe(101);
  peer.send(rawText("alive"));
  expect((await peer.readFrame()).payload.toString()).toBe("alive");
}

describe("an accepted upgrade", () => {
  it("answers with exactly these bytes", async () => {
    const { port } = await serve(socketApp());
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect(withoutDate(await peer.readUntil("\r\n\r\n"))).toBe(
      "HTTP/1.1 101 Switching Protocols\r\n" +
        "Upgrade: websocket\r\n" +
        "Connection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${EXAMPLE_ACCEPT}\r\n\r\n`,
    );
  });

  it("carries what middleware set before and after the route, spelled as it was", async () => {
    const { port } = await serve(async (request, response) => {
      response.setHeader("X-REQUEST-id", "7");
      response.setHeader("Set-Cookie", "a=1");
      response.setHeader("Content-Type", "text/html");
      response.setHeader("Content-Length", "3");
      await decideUpgrade(request, {
        upgrader: new Upgrader(),
        headers: { "Set-Cookie": ["b=2"], "X-Route": "chat" },
        handler: (conn) => conn.discard(),
        onError: () => {},
      });
      response.appendHeader("Set-Cookie", "late=3"); // the chain comes back, and then the 101 goes out
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect(withoutDate(await peer.readUntil("\r\n\r\n"))).toBe(
      "HTTP/1.1 101 Switching Protocols\r\n" +
        "X-REQUEST-id: 7\r\n" +
        "Set-Cookie: a=1\r\nSet-Cookie: late=3\r\nSet-Cookie: b=2\r\n" +
        "Upgrade: websocket\r\n" +
        "Connection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${EXAMPLE_ACCEPT}\r\n` +
        "X-Route: chat\r\n\r\n",
    );
  });

  it("echoes frames in both directions, over the registry of its attachment", async () => {
    const { port, attachment } = await serve(socketApp());
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    expect(attachment.conns.size).toBe(1);
    peer.send(rawText("hello"));
    expect((await peer.readFrame()).payload.toString()).toBe("hello");
    peer.send(rawClose(1000));
    expect(await peer.readClose()).toEqual({ code: 1000, reason: "" });
    await peer.ended();
    await vi.waitFor(() => expect(attachment.conns.size).toBe(0));
  });
});

describe("frames that come early", () => {
  it("are read when they lie in the packet of the request", async () => {
    const { port } = await serve(socketApp());
    const peer = await connectRaw(port);
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), rawText("one"), rawText("two")]));
    await peer.readResponse();
    expect((await peer.readFrame()).payload.toString()).toBe("one");
    expect((await peer.readFrame()).payload.toString()).toBe("two");
  });

  it("are read when they come while a guard awaits, split anywhere", async () => {
    const guard = deferred();
    const arrived = deferred<Socket>();
    const { port } = await serve(async (request, response) => {
      arrived.resolve(request.socket);
      await guard.promise;
      await answerUpgrade(request, response, {});
    });
    const bytes = Buffer.concat([rawText("one"), rawText("two"), rawText("x".repeat(100_000))]);
    const peer = await connectRaw(port);
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), bytes.subarray(0, 4)]));
    const socket = await arrived.promise;
    peer.send(bytes.subarray(4, 9));
    await vi.waitFor(() => expect(socket.readableLength).toBe(5));
    peer.send(bytes.subarray(9));
    guard.resolve();
    await peer.readResponse();
    expect((await peer.readFrame()).payload.toString()).toBe("one");
    expect((await peer.readFrame()).payload.toString()).toBe("two");
    expect((await peer.readFrame()).payload.length).toBe(100_000);
  });
});

describe("one packet that must not end the process", () => {
  it.each([
    ["Content-Length", { "Content-Length": "5" }, "hello"],
    ["an unfinished body", { "Content-Length": "5000000" }, "he"],
    ["Transfer-Encoding", CHUNKED, "5\r\nhello\r\n0\r\n\r\n"],
    ["Transfer-Encoding without the last chunk", CHUNKED, "5\r\nhel"],
  ])("a request with %s is refused with 400, whole", async (_name, fields, body) => {
    const reached = vi.fn<() => void>();
    const { port } = await serve(reached);
    const peer = await connectRaw(port);
    peer.send(upgradeText("/", fields) + body);
    expect(withoutDate(await peer.readToEnd())).toBe(
      "HTTP/1.1 400 Bad Request\r\n" +
        "Connection: close\r\n" +
        "Content-Type: text/plain; charset=utf-8\r\n" +
        "Content-Length: 11\r\n\r\n" +
        "Bad Request",
    );
    expect(await peer.ended()).toBe("fin");
    expect(reached).not.toHaveBeenCalled();
  });

  it("a request with an empty body is accepted", async () => {
    const { port } = await serve(socketApp());
    const peer = await connectRaw(port);
    peer.send(upgradeText("/", { "Content-Length": "0" }));
    expect((await peer.readResponse()).status).toBe(101);
  });

  it("an upgrade pipelined behind an open response loses its socket", async () => {
    const closed = deferred();
    const { port } = await serve((request, response) => {
      if (request.url === "/slow") response.on("close", closed.resolve);
      else void answerUpgrade(request, response, {});
    });
    const peer = await connectRaw(port);
    peer.send(requestText("/slow") + upgradeText("/"));
    expect(await peer.readToEnd()).toHaveLength(0);
    await within(closed.promise, "the end of the open response");
    await expectAlive(port);
  });

  it("an upgrade pipelined behind an ended response waits for it", async () => {
    const { port } = await serve((request, response) => {
      if (request.url === "/quick") response.end("q".repeat(500_000));
      else void answerUpgrade(request, response, {});
    });
    const peer = await connectRaw(port);
    peer.send(requestText("/quick") + requestText("/quick") + upgradeText("/"));
    expect((await peer.readResponse()).body).toHaveLength(500_000);
    expect((await peer.readResponse()).body).toHaveLength(500_000);
    expect((await peer.readResponse()).status).toBe(101);
    const closing = await connectRaw(port);
    closing.send(requestText("/quick", { Connection: "close" }) + upgradeText("/"));
    expect((await closing.readResponse()).body).toHaveLength(500_000);
    expect(await closing.readToEnd()).toHaveLength(0);
  });

  it("more header lines than node keeps are refused", async () => {
    const reached = vi.fn<() => void>();
    const { port } = await serve(reached);
    const lines = Object.fromEntries(Array.from({ length: 1_200 }, (_, at) => [`x${at}`, "1"]));
    const peer = await connectRaw(port);
    // Upgrade is the last line, the one that is lost.
    peer.send(requestText("/", { ...lines, Connection: "Upgrade", Upgrade: "websocket" }));
    const { status } = await peer.readResponse();
    expect([400, 431]).toContain(status); // 431 by node itself from Node 22 on
    expect(reached).not.toHaveBeenCalled();
  });

  it("garbage in the handshake's headers is refused", async () => {
    const { port } = await serve(socketApp());
    const garbage = ["", ",", "websocket/13", "\x80\xff", '"websocket', "x".repeat(8_000)];
    for (const value of garbage) {
      for (const name of ["Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key"]) {
        const peer = await connectRaw(port);
        peer.send(Buffer.from(upgradeText("/", { [name]: value }), "latin1"));
        expect([400, 426]).toContain((await peer.readResponse()).status);
      }
    }
    await expectAlive(port);
  });

  it("an app that throws is answered for with 500", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const fault = new Error("app is broken");
    const { port } = await serve(() => {
      throw fault;
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    const { status, body } = await peer.readResponse();
    expect({ status, body }).toEqual({ status: 500, body: "Internal Server Error" });
    expect(print).toHaveBeenCalledExactlyOnceWith(fault);
    print.mockRestore();
  });

  it("an app whose promise rejects is answered for with 500", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const { port } = await serve(async () => {
      await Promise.resolve();
      throw new Error("app is broken");
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(500);
    expect(print).toHaveBeenCalledOnce();
    print.mockRestore();
  });

  it("middleware that replaced `end` with something that throws gets 500 written past it", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const { port } = await serve((_request, response) => {
      response.end = () => {
        throw new Error("end is broken");
      };
      throw new Error("app is broken");
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(500);
    expect(print).toHaveBeenCalledTimes(2);
    print.mockRestore();
  });

  it("middleware that writes between the end of a response and its finish is ignored", async () => {
    const { port } = await serve((_request, response) => {
      response.end("no");
      response.write("late");
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).body).toBe("no");
    expect(await peer.readToEnd()).toHaveLength(0);
  });

  it("middleware that writes after the 101 is ignored", async () => {
    const wrote = deferred();
    const { port } = await serve((request, response) => {
      void answerUpgrade(request, response, {}).then(() => {
        response.once("finish", () => {
          response.write("late");
          response.end("later");
          setImmediate(wrote.resolve);
        });
      });
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    await wrote.promise;
    peer.send(rawText("still clean"));
    expect((await peer.readFrame()).payload.toString()).toBe("still clean");
  });
});

describe("a refusal", () => {
  it("goes out whole though the peer keeps sending", async () => {
    const body = "no ".repeat(500_000);
    const { port } = await serve((_request, response) => {
      response.writeHead(401, { "Content-Type": "text/plain" });
      response.end(body);
    });
    const peer = await connectRaw(port);
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), Buffer.alloc(300_000)]));
    const response = await peer.readResponse();
    expect(response.status).toBe(401);
    expect(response.body).toBe(body);
    expect(response.header("Connection")).toBe("close");
    expect(await peer.ended()).toBe("fin");
  });

  it("reaches a peer that sends first and reads long after the server has let go", async () => {
    const body = "no ".repeat(300_000);
    const { port, server } = await serve((_request, response) => response.writeHead(401).end(body));
    const accepted = nextEvent(server, "connection");
    const peer = await connectRaw(port, { halfOpen: true });
    peer.stopReading();
    peer.send(Buffer.concat([Buffer.from(upgradeText("/")), Buffer.alloc(300_000)]));
    const [socket] = (await accepted) as [Socket];
    await nextEvent(socket, "close");
    peer.resumeReading();
    // With input left unread the close would have been a reset, and most of this lost.
    expect((await peer.readResponse()).body).toBe(body);
    expect(await peer.ended()).toBe("fin");
  });

  it.each(["in its turn", "in a promise"])(
    "that writes %s is told when its socket has drained",
    async (when) => {
      const server = http.createServer();
      attach(server, async (_request, response) => {
        if (when === "in a promise") await Promise.resolve();
        response.writeHead(404);
        // The kernel takes it at once: the socket has drained before the turn is over.
        expect(response.write(Buffer.alloc(200_000, "x"))).toBe(false);
        response.once("drain", () => response.end("end"));
      });
      const peer = await connectRaw(await listen(server));
      peer.send(upgradeText("/"));
      expect((await peer.readResponse()).body.endsWith("xend")).toBe(true);
    },
  );

  it("that is piped is told when its socket has drained", async () => {
    const { port } = await serve((_request, response) => {
      let left = 200;
      const write = (): void => {
        while (left-- > 0) if (!response.write(Buffer.alloc(65_536, "a"))) return;
        response.end();
      };
      response.on("drain", () => {
        expect(response.writableNeedDrain).toBe(false);
        write();
      });
      write();
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).body).toHaveLength(200 * 65_536);
  });

  it("ends a socket whose peer does not end its own side", async () => {
    const { port, server } = await serve((_request, response) => response.end("no"));
    const accepted = nextEvent(server, "connection");
    const peer = await connectRaw(port, { halfOpen: true });
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).body).toBe("no");
    const [socket] = (await accepted) as [Socket];
    await nextEvent(socket, "close");
  });

  it("leaves an HTTP-only route its own answer, without a 101", async () => {
    const { port } = await serve((_request, response) => response.end("plain"));
    const peer = await connectRaw(port);
    peer.send(upgradeText("/http"));
    const { status, body } = await peer.readResponse();
    expect({ status, body }).toEqual({ status: 200, body: "plain" });
  });

  it("ends the request and the response for those who wait for it", async () => {
    const events: string[] = [];
    const { port } = await serve((request, response) => {
      request.on("close", () => events.push("request close"));
      response.on("finish", () => events.push("finish"));
      response.on("close", () => events.push("close"));
      response.end("no");
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readToEnd();
    expect(events.toSorted()).toEqual(["close", "finish", "request close"]);
  });
});

describe("several apps on one server", () => {
  it("are told apart by `only`", async () => {
    const server = http.createServer();
    const names: string[] = [];
    const named = (name: string) =>
      socketApp((conn: Conn) => {
        names.push(name);
        return conn.discard();
      });
    attach(server, named("a"), { only: ({ url }) => url === "/a" });
    attach(server, named("b"), { only: ({ url }) => url === "/b" });
    attach(server, named("rest"));
    const port = await listen(server);
    for (const path of ["/b", "/c", "/a"]) {
      const peer = await connectRaw(port);
      peer.send(upgradeText(path));
      await peer.readResponse();
      await vi.waitFor(() => expect(names).toHaveLength(["/b", "/c", "/a"].indexOf(path) + 1));
    }
    expect(names).toEqual(["b", "rest", "a"]);
  });

  it("are refused without `only`", () => {
    const server = http.createServer();
    attach(server, socketApp());
    expect(() => attach(server, socketApp())).toThrow(TypeError);
    expect(server.listenerCount("upgrade")).toBe(1);
  });

  it("answer 404 when `only` leaves a request to nobody", async () => {
    const { port } = await serve(socketApp(), { only: () => false });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(404);
  });

  it("answer 500 when `only` throws", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const { port } = await serve(socketApp(), {
      only: () => {
        throw new Error("only is broken");
      },
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(500);
    print.mockRestore();
  });
});

describe("attach", () => {
  it("takes a Koa-like app", async () => {
    const server = http.createServer();
    attach(server, { callback: () => socketApp() });
    const peer = await connectRaw(await listen(server));
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(101);
  });

  it("reports a class whose constructor throws, and ends the socket", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    class Broken extends ServerResponse {
      constructor(request: IncomingMessage) {
        super(request);
        throw new Error("of the class");
      }
    }
    const server = http.createServer();
    attach(server, socketApp(), { ServerResponse: Broken });
    const peer = await connectRaw(await listen(server));
    peer.send(upgradeText("/"));
    await peer.ended();
    expect(print).toHaveBeenCalledWith(new Error("of the class"));
    print.mockRestore();
  });

  it("makes responses of the class that it is given", async () => {
    class Mine extends ServerResponse {}
    const server = http.createServer();
    const seen = deferred<unknown>();
    const app = (_request: IncomingMessage, response: ServerResponse): void => {
      seen.resolve(response);
      response.writeHead(404).end();
    };
    attach(server, app, { ServerResponse: Mine });
    const peer = await connectRaw(await listen(server));
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(404);
    expect(await seen.promise).toBeInstanceOf(Mine);
  });

  it.each([
    [undefined, {}, TypeError],
    [{}, {}, TypeError],
    [socketApp(), { only: "/chat" }, TypeError],
    [socketApp(), { handshakeTimeout: 0 }, RangeError],
    [socketApp(), { drainTimeout: -1 }, RangeError],
    [socketApp(), { ServerResponse: "mine" }, TypeError],
  ])("refuses a wrong argument: %j %j", (app, options, error) => {
    const server = http.createServer();
    // What TypeScript would refuse, JavaScript can pass.
    expect(() => attach(server, app as never, options as never)).toThrow(error);
    expect(server.listenerCount("upgrade")).toBe(0);
  });
});
