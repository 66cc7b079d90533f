import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket as UndiciWebSocket } from "undici";
import { WebSocket, WebSocketServer } from "ws";
import { resolveCompression } from "../../src/extensions/compression-options.ts";
import { acceptHandshake } from "../../src/opening-handshake/accept-handshake.ts";
import { createKey } from "../../src/opening-handshake/accept-key.ts";
import {
  buildHandshakeRequest,
  checkHandshakeResponse,
  type ClientHandshake,
  type ClientHandshakeOptions,
} from "../../src/opening-handshake/client-handshake.ts";
import {
  checkKey,
  checkOrigin,
  checkRequest,
} from "../../src/opening-handshake/server-handshake.ts";
import { parseWebSocketUrl } from "../../src/opening-handshake/websocket-url.ts";

const undo: Array<() => void> = [];
afterEach(() => {
  for (const step of undo.splice(0).toReversed()) step();
});

/** Answers with our checks, and ends the connection with a close frame of 1000. */
function answer(request: IncomingMessage, socket: Duplex): void {
  const outcome = checkRequest(request);
  const key = checkKey(request);
  if (outcome.refused || key.refused) {
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    return;
  }
  const refusal = checkOrigin(outcome.origins, outcome.host, []);
  if (refusal !== undefined) {
    socket.end(`HTTP/1.1 ${refusal.status} Refused\r\n\r\n`);
    return;
  }
  const { headers } = acceptHandshake(outcome, key.key, {
    subprotocols: ["chat"],
    compression: resolveCompression(true),
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`);
  socket.end(Buffer.from("880203e8", "hex"));
}

/** Starts our server side, returns its host. */
async function startServer(): Promise<string> {
  const server = http.createServer().on("upgrade", answer).listen(0, "127.0.0.1");
  undo.push(() => server.close());
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Waits until ws has accepted our answer, returns its Sec-WebSocket-Extensions (ws itself keeps only the name). */
async function accepted(client: WebSocket): Promise<string | undefined> {
  const upgraded = once(client, "upgrade");
  await once(client, "open");
  const [response] = (await upgraded) as [IncomingMessage];
  return response.headers["sec-websocket-extensions"];
}

/** Starts a server of ws, returns its URL. */
async function startWs(perMessageDeflate: object | boolean): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate });
  undo.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, "listening");
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Sends our request with node:http and checks the response. */
async function dial(
  url: string,
  options: Partial<ClientHandshakeOptions>,
): Promise<ClientHandshake> {
  const target = parseWebSocketUrl(url);
  const request = buildHandshakeRequest(target, { key: createKey(), ...options });
  const outgoing = http.request({
    host: target.hostname,
    port: target.port,
    path: request.target,
    headers: request.headers.flat(),
  });
  const upgraded = once(outgoing, "upgrade");
  outgoing.end();
  const [response, socket] = (await upgraded) as [IncomingMessage, Duplex];
  undo.push(() => socket.destroy());
  return checkHandshakeResponse(request, response);
}

describe("our answer to independent clients", () => {
  it("is accepted by ws, with its offer of compression", async () => {
    const host = await startServer();
    const client = new WebSocket(`ws://${host}/`, ["other", "chat"], { origin: `http://${host}` });
    expect(await accepted(client)).toBe("permessage-deflate; client_max_window_bits=12");
    expect(client.protocol).toBe("chat");
    expect(await once(client, "close")).toMatchObject({ 0: 1000 });
  });

  it("is accepted by ws, which asks for windows of its own", async () => {
    const host = await startServer();
    const client = new WebSocket(`ws://${host}/`, {
      perMessageDeflate: {
        serverMaxWindowBits: 10,
        clientMaxWindowBits: 9,
        serverNoContextTakeover: true,
      },
    });
    expect(await accepted(client)).toBe(
      "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9",
    );
    await once(client, "close");
  });

  it("is accepted by undici, with its subprotocol", async () => {
    const host = await startServer();
    const client = new UndiciWebSocket(`ws://${host}/`, ["chat"]);
    await new Promise((resolve) => client.addEventListener("open", resolve, { once: true }));
    expect(client.protocol).toBe("chat");
    await new Promise((resolve) => client.addEventListener("close", resolve, { once: true }));
  });

  it("is 403 for a page of another site", async () => {
    const host = await startServer();
    const client = new WebSocket(`ws://${host}/`, { origin: "http://evil.example" });
    const [, response] = (await once(client, "unexpected-response")) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(403);
    response.resume();
    client.on("error", () => undefined);
    client.terminate();
  });
});

describe("our request to the server of ws", () => {
  it.each<[string, object | boolean, Partial<ClientHandshakeOptions>, string]>([
    ["without compression", false, { compression: resolveCompression(true) }, ""],
    [
      "with compression",
      true,
      { compression: resolveCompression(true) },
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
    ],
    [
      "with smaller windows",
      { serverMaxWindowBits: 9, clientMaxWindowBits: 10, clientNoContextTakeover: true },
      { compression: resolveCompression(true) },
      "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10; client_no_context_takeover",
    ],
    [
      "that does not limit its window and falls back to our second offer",
      { serverMaxWindowBits: false },
      { compression: resolveCompression(true) },
      "permessage-deflate; server_no_context_takeover; client_max_window_bits=12",
    ],
  ])("is answered %s", async (_, perMessageDeflate, options, extensions) => {
    const url = await startWs(perMessageDeflate);
    const agreed = await dial(url, { subprotocols: ["a", "b"], ...options });
    expect(agreed.subprotocol).toBe("a");
    expect(agreed.extensions).toBe(extensions);
  });
});
