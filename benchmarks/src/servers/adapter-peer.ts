/**
 * Echo with the WebSocket package that a framework has had so far, each as its README shows it. A process loads one
 * framework, as applications do.
 */

import { createRequire } from "node:module";
import type { Application } from "express";
import type { FastifyInstance, FastifyPluginCallback } from "fastify";
import type Koa from "koa";
import type { WebSocket } from "ws";
import { reportAddress, run } from "./report.ts";
import { readSpec, type Framework } from "./spec.ts";

const require = createRequire(import.meta.url);

type Socket = Pick<WebSocket, "on" | "send">;

type ExpressWs = (app: Application) => {
  app: { ws(path: string, handler: (socket: Socket) => void): void };
};

/** Its types and those of Longwire's plugin are about the same names of Fastify, so one program has one of them. */
type WithSocketRoutes = FastifyInstance & {
  get(path: string, options: { websocket: true }, handler: (socket: Socket) => void): void;
};

type KoaWebsocket = (app: Koa) => Koa & {
  ws: { use(handler: (context: { websocket: Socket }) => void): void };
};

function echo(socket: Socket): void {
  socket.on("message", (data, isBinary?: boolean) => {
    // express-ws has ws 7, which gives text as a string and has no second argument.
    if (isBinary === undefined) socket.send(data);
    else socket.send(data, { binary: isBinary });
  });
}

async function onFastify(): Promise<void> {
  const { fastify } = await import("fastify");
  const app = fastify();
  await app.register(require("@fastify/websocket") as FastifyPluginCallback);
  (app as unknown as WithSocketRoutes).get("/", { websocket: true }, echo);
  await app.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
  reportAddress(app.server);
}

async function onExpress(): Promise<void> {
  const { default: express } = await import("express");
  const app = express();
  const expressWs = require("express-ws") as ExpressWs;
  expressWs(app).app.ws("/", echo);
  const server = app.listen(0, "127.0.0.1", () => reportAddress(server));
}

async function onKoa(): Promise<void> {
  const { default: KoaApp } = await import("koa");
  const koaWebsocket = require("koa-websocket") as KoaWebsocket;
  const app = koaWebsocket(new KoaApp());
  app.ws.use(({ websocket }) => echo(websocket));
  const server = app.listen(0, "127.0.0.1", () => reportAddress(server));
}

async function onHono(): Promise<void> {
  const { serve } = await import("@hono/node-server");
  const { createNodeWebSocket } = await import("@hono/node-ws");
  const { Hono } = await import("hono");
  const app = new Hono();
  const nodeWebSocket = createNodeWebSocket({ app });
  app.get(
    "/",
    nodeWebSocket.upgradeWebSocket(() => ({
      onMessage: (event, socket) => socket.send(event.data as string), // only text is sent here
    })),
  );
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, () => {
    reportAddress(server);
  });
  nodeWebSocket.injectWebSocket(server);
}

const STARTS: Readonly<Record<Framework, () => Promise<void>>> = {
  fastify: onFastify,
  express: onExpress,
  koa: onKoa,
  hono: onHono,
};

async function main(): Promise<void> {
  const { framework } = readSpec();
  if (framework === undefined) throw new Error("no framework was given");
  await STARTS[framework]();
}

run(main);
