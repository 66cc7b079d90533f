/** The behaviour suite of all adapters on Fastify. */
import { adapterConformance, adapterConformanceOverHttp2 } from "@longwire/testkit";
import { fastify } from "fastify";
import { fastifyUnderTest } from "./fastify-under-test.ts";

adapterConformance(fastifyUnderTest("Fastify 5.12", (options) => fastify(options)));
adapterConformanceOverHttp2(fastifyUnderTest("Fastify 5.12", (options) => fastify(options as object)));
