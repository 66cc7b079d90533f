/** The echo server on node:http alone: what an adapter does, written out. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { attach, serveUpgrade, Upgrader, type Conn } from "@longwire/engine";
import { listening, type EchoOptions, type EchoServer } from "./echo-server.ts";
import { HTTP_BODY, isAuthorized, sessionHeaders, UNAUTHORIZED } from "./http-answers.ts";
import {
  echoByEach,
  echoByPieces,
  echoByRead,
  echoNotes,
  echoPrepared,
  talkInRoom,
} from "./socket-handlers.ts";

type SocketHandler = (conn: Conn) => Promise<void>;

function sendJSON(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/** Decodes a part of a path; `undefined` where its percent signs mean nothing. */
function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const HANDLERS: ReadonlyMap<string, SocketHandler> = new Map([
  ["/", echoByRead],
  ["/guarded", echoByRead],
  ["/each", echoByEach],
  ["/json", echoNotes],
  ["/stream", echoByPieces],
  ["/prepared", echoPrepared],
]);

function findHandler(path: string): SocketHandler | undefined {
  const handler = HANDLERS.get(path);
  if (handler !== undefined) return handler;
  const name = decoded(/^\/room\/([^/]+)$/u.exec(path)?.[1]);
  return name === undefined ? undefined : (conn) => talkInRoom(conn, name);
}

const onError = (error: unknown): void => {
  process.stderr.write(`echo: ${String(error)}\n`);
};

async function answer(
  upgrader: Upgrader,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const handler = request.method === "GET" ? findHandler(path) : undefined;
  if (path === "/guarded" && handler !== undefined) {
    if (!isAuthorized(request.headers.authorization)) {
      sendJSON(response, 401, UNAUTHORIZED);
      return;
    }
    response.setHeaders(new Map(Object.entries(sessionHeaders())));
  }
  if (handler !== undefined) await serveUpgrade(request, response, { upgrader, handler, onError });
  else if (path === "/http" && request.method === "GET") response.end(HTTP_BODY);
  else sendJSON(response, 404, { error: "not found" });
}

export async function startEngine({ host, port, upgrade }: EchoOptions): Promise<EchoServer> {
  const upgrader = new Upgrader(upgrade);
  const app = (request: IncomingMessage, response: ServerResponse): void => {
    answer(upgrader, request, response).catch((error: unknown) => {
      onError(error);
      if (response.headersSent) response.destroy();
      else sendJSON(response, 500, { error: "internal server error" });
    });
  };
  const server = createServer(app).listen(port, host);
  attach(server, app);
  return listening(server);
}
