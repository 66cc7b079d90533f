/**
 * Echo with Longwire's adapter of a framework, each as the quick start of its README. A process loads one framework, as
 * applications do: what others leave in the heap would be charged to it.
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as LongwireExpress from "@longwire/express";
import type * as LongwireFastify from "@longwire/fastify";
import type * as LongwireHono from "@longwire/hono";
import type * as LongwireKoa from "@longwire/koa";
import { createServer } from "node:http";
import { echoHandler } from "./longwire-echo.ts";
import { listenAndReport, reportAddress, run } from "./report.ts";
import { readSpec, type Framework } from "./spec.ts";

const echo = echoHandler("forEach");

async function adapter(checkout: string, folder: string): Promise<unknown> {
  return import(pathToFileURL(join(checkout, "packages", folder, "dist", "index.js")).href);
}

async function onFastify(checkout: string): Promise<void> {
  const { fastify } = await import("fastify");
  const plugin = (await adapter(checkout, "fastify-plugin")) as typeof LongwireFastify;
  const app = fastify();
  await app.register(plugin.websocket);
  app.websocket("/", (conn) => echo(conn));
  await app.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
  reportAddress(app.server);
}

async function onExpress(checkout: string): Promise<void> {
  const { default: express } = await import("express");
  const middleware = (await adapter(checkout, "express-middleware")) as typeof LongwireExpress;
  const app = express();
  app.get(
    "/",
    middleware.websocket((conn) => echo(conn)),
  );
  const server = createServer(app);
  middleware.attach(server, app);
  listenAndReport(server);
}

async function onKoa(checkout: string): Promise<void> {
  const { default: Koa } = await import("koa");
  const middleware = (await adapter(checkout, "koa-middleware")) as typeof LongwireKoa;
  const app = new Koa();
  app.use(middleware.websocket((conn) => echo(conn)));
  const answer = app.callback();
  const server = createServer((request, response) => void answer(request, response));
  middleware.attach(server, app);
  listenAndReport(server);
}

async function onHono(checkout: string): Promise<void> {
  const { Hono } = await import("hono");
  const hono = (await adapter(checkout, "hono-adapter")) as typeof LongwireHono;
  const app = new Hono();
  app.get("/", (c) => hono.websocket(c, (conn) => echo(conn)));
  const server = hono.serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, () => {
    reportAddress(server);
  });
}

const STARTS: Readonly<Record<Framework, (checkout: string) => Promise<void>>> = {
  fastify: onFastify,
  express: onExpress,
  koa: onKoa,
  hono: onHono,
};

async function main(): Promise<void> {
  const { framework, longwire } = readSpec();
  if (framework === undefined) throw new Error("no framework was given");
  await STARTS[framework](longwire);
}

run(main);
