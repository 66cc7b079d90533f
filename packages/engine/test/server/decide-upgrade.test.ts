import { AsyncLocalStorage } from "node:async_hooks";
import http from "node:http";
import type { Socket } from "node:net";
import { decideUpgrade, sendAccepted, Upgrader, type Conn } from "@longwire/engine";
import {
  deferred,
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
} from "./attached-server.ts";

failOnCrash();

const upgrader = new Upgrader();
const session = { upgrader, handler: () => {}, onError: () => {} };

describe("a WebSocket route", () => {
  it("answers a plain GET with 426 and what it needs", async () => {
    const { port } = await serve(socketApp());
    const peer = await connectRaw(port);
    peer.send(requestText("/"));
    const response = await peer.readResponse();
    expect(response.status).toBe(426);
    expect(response.header("Upgrade")).toBe("websocket");
    expect(response.header("Connection")).toBe("Upgrade");
    expect(response.header("Sec-WebSocket-Version")).toBe("13");
    expect(response.body).toBe("Upgrade Required");
  });

  it("answers Upgrade without its token in Connection with 400", async () => {
    const { port } = await serve(socketApp());
    const peer = await connectRaw(port);
    peer.send(upgradeText("/", { Connection: "keep-alive" }));
    expect((await peer.readResponse()).status).toBe(400);
  });

  it.each([
    ["method", {}, "POST", 405],
    ["version", { "Sec-WebSocket-Version": "8" }, "GET", 426],
    ["key", { "Sec-WebSocket-Key": "short" }, "GET", 400],
    ["Host", { Host: ["a", "b"] }, "GET", 400],
    ["subprotocol list", { "Sec-WebSocket-Protocol": "a b" }, "GET", 400],
  ])("refuses a wrong %s", async (_name, fields, method, status) => {
    const { port } = await serve(socketApp());
    const peer = await connectRaw(port);
    peer.send(upgradeText("/", fields, method));
    const response = await peer.readResponse();
    expect(response.status).toBe(status);
    expect(response.header("Sec-WebSocket-Version")).toBe("13");
    expect(response.body).toBe(http.STATUS_CODES[status]);
    expect(await peer.ended()).toBe("fin");
  });

  it("refuses HTTP/1.0 and an absolute target, also when middleware has rewritten it", async () => {
    const sockets = socketApp();
    const { port } = await serve((request, response) => {
      request.url = "/rewritten";
      sockets(request, response);
    });
    for (const text of [
      upgradeText("/", {}, "GET", "HTTP/1.0"),
      upgradeText("http://evil.example/"),
      upgradeText("//evil.example/"),
    ]) {
      const peer = await connectRaw(port);
      peer.send(text);
      expect((await peer.readResponse()).status).toBe(400);
    }
  });

  it("on a server without attach fails with WS_NOT_ATTACHED", async () => {
    const failure = deferred<unknown>();
    const port = await listen(
      http.createServer((request, response) => {
        decideUpgrade(request, session).catch(failure.resolve);
        response.end();
      }),
    );
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    expect(await failure.promise).toMatchObject({
      code: "WS_NOT_ATTACHED",
      status: 500,
      message: expect.stringContaining("attach(server, app)"),
    });
  });
});

describe("the handler", () => {
  it("runs in the AsyncLocalStorage context of the decision, after the 101 and the access log", async () => {
    const storage = new AsyncLocalStorage<string>();
    const events: string[] = [];
    const ran = deferred();
    const { port } = await serve((request, response) => {
      response.on("finish", () => events.push(`log ${response.statusCode}`));
      const handler = (): void => {
        events.push(`handler in ${storage.getStore()}`);
        ran.resolve();
      };
      storage.run("request 7", () => void answerUpgrade(request, response, { handler }));
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await ran.promise;
    expect(events).toEqual(["log 101", "handler in request 7"]);
  });

  it.each(["finish", "close"])(
    "is preceded by the response's %s, for those who log",
    async (event) => {
      const seen = deferred();
      const { port } = await serve((request, response) => {
        response.on(event, seen.resolve);
        void answerUpgrade(request, response, {});
      });
      const peer = await connectRaw(port);
      peer.send(upgradeText("/"));
      await within(seen.promise, event);
      peer.send(rawText("open"));
      await peer.readResponse();
      expect((await peer.readFrame()).payload.toString()).toBe("open");
    },
  );

  it.each([
    [
      "throws",
      () => {
        throw new Error("handler is broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("handler is broken"))],
  ])("that %s ends its connection with 1011 and reaches onError", async (_name, handler) => {
    const onError = vi.fn<(error: unknown, conn: Conn) => void>();
    const { port } = await serve((request, response) => {
      void answerUpgrade(request, response, { handler, onError });
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    expect((await peer.readClose()).code).toBe(1011);
    expect(onError).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ message: "handler is broken" }),
      expect.objectContaining({ subprotocol: "" }),
    );
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("onError is broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("onError is broken"))],
  ])("whose onError %s is printed", async (_name, onError) => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const handler = (): never => {
      throw new Error("handler is broken");
    };
    const { port } = await serve((request, response) => {
      void answerUpgrade(request, response, { handler, onError });
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    expect((await peer.readClose()).code).toBe(1011);
    await vi.waitFor(() =>
      expect(print).toHaveBeenCalledExactlyOnceWith(
        expect.objectContaining({ message: "onError is broken" }),
      ),
    );
    print.mockRestore();
  });

  it("that meets the end of its connection is no fault", async () => {
    const onEnd = deferred<unknown>();
    const onError = vi.fn<() => void>();
    const { port } = await serve((request, response) => {
      const handler = (conn: Conn): Promise<unknown> => conn.readMessage();
      void answerUpgrade(request, response, { handler, onError, onEnd: onEnd.resolve });
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    peer.send(rawClose(4001, "bye"));
    expect(await onEnd.promise).toMatchObject({ name: "CloseError", code: 4001 });
    expect(onError).not.toHaveBeenCalled();
  });
});

describe("an accepted request", () => {
  it("that the framework answers otherwise is refused: the handler never runs", async () => {
    const handler = vi.fn<() => void>();
    const slots = new Upgrader({ maxConnections: 1 });
    const { port } = await serve(async (request, response) => {
      await decideUpgrade(request, { ...session, upgrader: slots, handler });
      expect(slots.slots.taken).toBe(1);
      response.statusCode = 503;
      response.end("changed my mind");
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect(await peer.readResponse()).toMatchObject({ status: 503, body: "changed my mind" });
    await peer.ended();
    expect(handler).not.toHaveBeenCalled();
    expect(slots.slots.taken).toBe(0);
  });

  it("whose chain throws is refused", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const handler = vi.fn<() => void>();
    const { port } = await serve(async (request) => {
      await decideUpgrade(request, { ...session, handler });
      throw new Error("chain is broken");
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(500);
    expect(handler).not.toHaveBeenCalled();
    print.mockRestore();
  });

  it("is not accepted twice", async () => {
    const second = deferred<unknown>();
    const slots = new Upgrader({ maxConnections: 5 });
    const { port } = await serve(async (request) => {
      await decideUpgrade(request, { ...session, upgrader: slots });
      await decideUpgrade(request, { ...session, upgrader: slots }).catch(second.resolve);
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(101);
    expect(await second.promise).toBeInstanceOf(TypeError);
    expect(slots.slots.taken).toBe(1);
  });

  it("is sent once, however often it is asked for", async () => {
    const { port } = await serve(async (request, response) => {
      sendAccepted(request); // nothing is accepted yet
      await answerUpgrade(request, response, {});
      sendAccepted(request);
      sendAccepted(request);
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(101);
    peer.send(rawText("once"));
    expect((await peer.readFrame()).payload.toString()).toBe("once");
  });

  it("cannot carry a header that belongs to the handshake", async () => {
    const failure = deferred<unknown>();
    const { port } = await serve(async (request, response) => {
      const headers = { "sec-websocket-accept": "mine" };
      await decideUpgrade(request, { ...session, headers }).catch(failure.resolve);
      response.writeHead(500).end();
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect((await peer.readResponse()).status).toBe(500);
    expect(await failure.promise).toBeInstanceOf(TypeError);
  });

  it("after a response of the guard is refused without a second response", async () => {
    const decided = deferred<unknown>();
    const { port } = await serve((request, response) => {
      response.statusCode = 401;
      response.end("guard");
      decided.resolve(decideUpgrade(request, session));
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    expect(await peer.readResponse()).toMatchObject({ status: 401, body: "guard" });
    expect(await decided.promise).toMatchObject({ accepted: false });
  });
});

describe("a peer that resets", () => {
  const phases: Record<
    string,
    (phase: { arrived: () => void; go: Promise<void> }) => http.RequestListener
  > = {
    "before a guard answers":
      ({ arrived, go }) =>
      async (request, response) => {
        arrived();
        await go;
        await answerUpgrade(request, response, {});
      },
    "before a guard refuses":
      ({ arrived, go }) =>
      async (_request, response) => {
        arrived();
        await go;
        response.writeHead(401).end("no");
      },
    "while the origin is checked":
      ({ arrived, go }) =>
      (request, response) => {
        const checkOrigin = async (): Promise<boolean> => {
          arrived();
          await go;
          return true;
        };
        void answerUpgrade(request, response, { upgrader: new Upgrader({ checkOrigin }) });
      },
    "between acceptance and the 101":
      ({ arrived, go }) =>
      async (request) => {
        await decideUpgrade(request, session);
        arrived();
        await go;
        sendAccepted(request);
      },
    "in the middle of a refusal":
      ({ arrived, go }) =>
      async (_request, response) => {
        response.write("no");
        arrived();
        await go;
        response.end("no");
      },
  };

  it.each(Object.entries(phases))("%s ends the request and nothing else", async (_name, phase) => {
    const arrived = deferred();
    const go = deferred();
    const closed = deferred();
    const requestClosed = deferred();
    const app = phase({ arrived: arrived.resolve, go: go.promise });
    const { port, server } = await serve((request, response) => {
      response.on("close", closed.resolve);
      request.on("close", requestClosed.resolve);
      return app(request, response);
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await arrived.promise;
    peer.reset();
    await within(closed.promise, "the end of the response");
    await within(requestClosed.promise, "the end of the request");
    go.resolve();
    await new Promise((resolve) =>
      server.getConnections((_error, count) => resolve(expect(count).toBe(0))),
    );
  });

  it("with the packet of its request ends nothing either", async () => {
    const { port, server, attachment } = await serve(socketApp());
    for (let times = 0; times < 20; times++) {
      const peer = await connectRaw(port);
      peer.send(upgradeText("/"));
      peer.reset();
    }
    await vi.waitFor(async () => {
      const count = await new Promise((resolve) =>
        server.getConnections((_error, n) => resolve(n)),
      );
      expect(count).toBe(0);
    });
    expect(attachment.conns.size).toBe(0);
  });

  it("after the 101 ends its connection", async () => {
    const ended = deferred<unknown>();
    const { port, server } = await serve(
      socketApp(async (conn) => ended.resolve(await conn.closed)),
    );
    const socketClosed = nextEvent(server, "connection").then(([socket]) =>
      nextEvent(socket as Socket, "close"),
    );
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await peer.readResponse();
    peer.reset();
    await socketClosed;
    expect(await ended.promise).toMatchObject({ code: 1006, wasClean: false });
  });

  it("is what decideUpgrade says when it is asked too late", async () => {
    const decided = deferred<unknown>();
    const error = vi.fn<() => undefined>();
    const arrived = deferred();
    const { port } = await serve((request, response) => {
      arrived.resolve();
      response.on("close", () =>
        decided.resolve(decideUpgrade(request, { ...session, upgrader: new Upgrader({ error }) })),
      );
    });
    const peer = await connectRaw(port);
    peer.send(upgradeText("/"));
    await arrived.promise;
    peer.reset();
    expect(await decided.promise).toMatchObject({
      accepted: false,
      error: { code: "WS_HANDSHAKE_ABORTED" },
    });
    expect(error).not.toHaveBeenCalled();
  });
});
