import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import {
  attach,
  connectInMemory,
  decideUpgrade,
  HandshakeError,
  Upgrader,
  type Conn,
} from "@longwire/engine";
import { deferred } from "@longwire/testkit";
import { describe, expect, it } from "vitest";

type App = (request: IncomingMessage, response: ServerResponse) => void;

function echoApp(seen?: (request: IncomingMessage, conn: Conn) => void): App {
  const upgrader = new Upgrader({ subprotocols: ["b", "a"] });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const decision = await decideUpgrade(request, {
      upgrader,
      handler: async (conn) => {
        seen?.(request, conn);
        for await (const message of conn) await conn.writeMessage(message.type, message.data);
      },
      onError: (error) => expect.unreachable(String(error)),
    });
    response.statusCode = decision.status;
    response.appendHeader("Set-Cookie", "session=abc");
    for (const [name, value] of decision.headers) response.setHeader(name, value);
    response.end(decision.body);
  };
  return (request, response) => void answer(request, response);
}

function attached(app: App): ReturnType<typeof createServer> {
  const server = createServer(app);
  attach(server, app, { drainTimeout: 200 });
  return server;
}

describe("connectInMemory", () => {
  it("connects to a server that does not listen", async () => {
    const { conn, response } = await connectInMemory(attached(echoApp()), "/chat?a=1");
    expect(response.status).toBe(101);
    expect(response.headers["set-cookie"]).toEqual(["session=abc"]);
    for (const text of ["hello", "", "x".repeat(900_000)]) {
      await conn.writeMessage(1, text);
      expect((await conn.readMessage()).text()).toBe(text);
    }
    expect(await conn.close(4000, "done")).toMatchObject({ code: 4000, wasClean: true });
  });

  it.each(["http", "https"])("reaches the app of an %s server with its headers", async (scheme) => {
    const seen = deferred<{ request: IncomingMessage; conn: Conn }>();
    const app = echoApp((request, conn) => seen.resolve({ request, conn }));
    const server = scheme === "https" ? createTlsServer(app) : createServer(app);
    attach(server, app);
    const { conn } = await connectInMemory(server, "/chat?a=1", {
      headers: { Cookie: "session=abc", Origin: "https://localhost" },
      subprotocols: ["a"],
      address: "192.0.2.7",
      readLimit: 10,
    });
    const { request, conn: theirs } = await seen.promise;
    expect(request.url).toBe("/chat?a=1");
    expect(request.headers).toMatchObject({ cookie: "session=abc", host: "localhost" });
    expect("encrypted" in request.socket).toBe(scheme === "https");
    expect(theirs.remoteAddress).toBe("192.0.2.7");
    expect(conn.subprotocol).toBe("a");
    theirs.send("longer than ten bytes");
    await expect(conn.readMessage()).rejects.toMatchObject({ code: "WS_READ_LIMIT" });
  });

  it("throws the refusal with its whole body", async () => {
    const body = JSON.stringify({ error: "x".repeat(100_000) });
    const server = attached((_request, response) => {
      response.writeHead(403, { "Content-Type": "application/json", "X-Reason": "guard" });
      response.end(body);
    });
    const error = await connectInMemory(server, "/chat").catch((failure: unknown) => failure);
    if (!(error instanceof HandshakeError)) throw error;
    expect(error.response).toMatchObject({ status: 403, headers: { "x-reason": "guard" } });
    expect(error.response?.body.toString()).toBe(body);
  });

  it("throws when the server ends the stream without an answer", async () => {
    const server = attached((request) => void request.socket.destroy());
    await expect(connectInMemory(server, "/chat")).rejects.toMatchObject({
      code: "WS_HANDSHAKE_ABORTED",
      status: 0,
    });
  });

  it("throws the signal's reason, before and during the handshake", async () => {
    const reason = new Error("enough");
    const asked = deferred();
    const server = attached(() => asked.resolve());
    const early = connectInMemory(server, "/chat", { signal: AbortSignal.abort(reason) });
    await expect(early).rejects.toBe(reason);
    const controller = new AbortController();
    const late = connectInMemory(server, "/chat", { signal: controller.signal });
    await asked.promise;
    controller.abort(reason);
    await expect(late).rejects.toBe(reason);
  });

  it("gives the connection when the server has it, too", async () => {
    const app = echoApp();
    const server = createServer(app);
    const { conns } = attach(server, app);
    for (let count = 1; count <= 20; count++) {
      await connectInMemory(server, "/chat");
      expect(conns.size).toBe(count);
    }
  });

  it("ends with 1001 when the server closes", async () => {
    const server = attached(echoApp());
    const { conn } = await connectInMemory(server, "/chat");
    const reading = conn.readMessage();
    const closed = new Promise((resolve) => server.close(resolve));
    await expect(reading).rejects.toMatchObject({ code: 1001 });
    await closed;
  });

  it("sees a terminated peer as 1006", async () => {
    const seen = deferred<Conn>();
    const server = attached(echoApp((_request, conn) => seen.resolve(conn)));
    const { conn } = await connectInMemory(server, "/chat");
    const theirs = await seen.promise;
    conn.terminate();
    expect((await theirs.closed).code).toBe(1006);
  });

  it.each([
    ["chat", {}],
    ["/ch\nat", {}],
    ["/chat", { headers: { "X-Bad": "a\r\nb" } }],
    ["/chat", { headers: { Upgrade: "h2c" } }],
  ])("refuses %j with %j", async (path, options) => {
    await expect(connectInMemory(attached(echoApp()), path, options)).rejects.toThrow(TypeError);
  });
});
