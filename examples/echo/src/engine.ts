/** The echo server on node:http alone: what an adapter does, written out. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { attach, decideUpgrade, Upgrader, type Conn } from "@longwire/engine";
import { listening, type EchoOptions, type EchoServer } from "./echo-server.ts";
import {
  HTTP_BODY,
  isAuthorized,
  sessionHeaders,
  unavailable,
  UNAUTHORIZED,
  UNAVAILABLE_PATHS,
} from "./http-answers.ts";
import { echoByEach, echoByRead, echoNotes, talkInRoom } from "./socket-handlers.ts";

type SocketHandler = (conn: Conn) => Promise<void>;

function sendJSON(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/** Answers 101 and starts the handler, or refuses: both are ordinary responses. */
async function serveSocket(
  upgrader: Upgrader,
  request: IncomingMessage,
  response: ServerResponse,
  handler: SocketHandler,
): Promise<void> {
  const decision = await decideUpgrade(request, {
    upgrader,
    handler,
    onError: (error) => process.stderr.write(`echo: ${String(error)}\n`),
  });
  response.statusCode = decision.status;
  for (const [name, value] of decision.headers) response.setHeader(name, value);
  response.end(decision.body);
}

/** Decodes a part of a path; `undefined` where its percent signs mean nothing. */
function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function findHandler(path: string): SocketHandler | undefined {
  if (path === "/" || path === "/guarded") return echoByRead;
  if (path === "/each") return echoByEach;
  if (path === "/json") return echoNotes;
  const name = decoded(/^\/room\/([^/]+)$/u.exec(path)?.[1]);
  return name === undefined ? undefined : (conn) => talkInRoom(conn, name);
}

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
  if (handler !== undefined) await serveSocket(upgrader, request, response, handler);
  else if (path === "/http" && request.method === "GET") response.end(HTTP_BODY);
  else if (UNAVAILABLE_PATHS.includes(path)) sendJSON(response, 404, unavailable(path));
  else sendJSON(response, 404, { error: "not found" });
}

export async function startEngine({ host, port, upgrade }: EchoOptions): Promise<EchoServer> {
  const upgrader = new Upgrader(upgrade);
  const app = (request: IncomingMessage, response: ServerResponse): void => {
    answer(upgrader, request, response).catch((error: unknown) => {
      process.stderr.write(`echo: ${String(error)}\n`);
      if (response.headersSent) response.destroy();
      else sendJSON(response, 500, { error: "internal server error" });
    });
  };
  const server = createServer(app).listen(port, host);
  attach(server, app);
  return listening(server);
}
