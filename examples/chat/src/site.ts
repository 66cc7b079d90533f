/** The page over ordinary HTTP: its files, and the sign-in that issues tokens. A Fastify plugin. */
import { readFileSync, readdirSync } from "node:fs";
import { extname } from "node:path";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import type { RunningServer } from "./place.ts";
import { issueToken } from "./token.ts";

const FOLDER = new URL("../public/", import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

const SIGN_IN = {
  body: {
    type: "object",
    required: ["name"],
    properties: { name: { type: "string", maxLength: 24, pattern: "^(?=.*\\S)[^\\p{Cc}]+$" } },
  },
} as const;

export interface SiteOptions {
  readonly servers: () => readonly RunningServer[];
}

export const site: FastifyPluginAsync<SiteOptions> = async (app, { servers }) => {
  // One origin only: the one that the other servers let in. It also keeps out a foreign name that points here.
  app.addHook("onRequest", async (request, reply) => {
    if (request.host === ownHost(request)) return;
    await reply.redirect(`http://${ownHost(request)}${request.url}`, 307);
  });

  app.post<{ Body: { name: string } }>("/session", { schema: SIGN_IN }, async ({ body }, reply) => {
    void reply.header("cache-control", "no-store");
    return { token: issueToken(body.name.trim()), servers: servers() };
  });

  for (const name of readdirSync(FOLDER)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const content = readFileSync(new URL(name, FOLDER));
    const isPage = name === "index.html";
    const path = isPage ? "/" : `/${name}`;
    const logLevel = isPage ? "info" : "warn"; // one line for the page, none for each of its parts
    app.get(path, { logLevel }, async (request, reply) =>
      reply.headers({ ...headersFor(request, servers()), "content-type": type }).send(content),
    );
  }
};

/** Address and port of the listening socket: what a browser calls this server, without its name in between. */
function ownHost({ socket }: FastifyRequest): string {
  return new URL(`http://${socket.localAddress}:${socket.localPort}`).host;
}

/** The page loads nothing from elsewhere and talks to these four servers only. */
function headersFor(
  request: FastifyRequest,
  servers: readonly RunningServer[],
): Record<string, string> {
  const { hostname } = new URL(`http://${ownHost(request)}`);
  const chats = servers.map(({ port }) => `http://${hostname}:${port} ws://${hostname}:${port}`);
  return {
    "content-security-policy":
      `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; ` +
      `connect-src 'self' ${chats.join(" ")}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
}
