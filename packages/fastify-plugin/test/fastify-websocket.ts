/** @fastify/websocket without its types: they declare the same names as ours, and no application has both. */
import { createRequire } from "node:module";
import type { FastifyPluginCallback } from "fastify";

const require = createRequire(import.meta.url);

export const fastifyWebsocket = require("@fastify/websocket") as FastifyPluginCallback; // what its types say, too
