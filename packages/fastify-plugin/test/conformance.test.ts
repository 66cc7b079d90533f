/** The behaviour suite of all adapters on Fastify. */
import { adapterConformance, adapterConformanceOverHttp2 } from "@longwire/testkit";
import { fastify } from "fastify";
import { fastifyUnderTest, type FastifyFactory } from "./fastify-under-test.ts";

// The suite's view of an instance is the same for every server.
const create = ((options: object) => fastify(options)) as FastifyFactory;
adapterConformance(fastifyUnderTest("Fastify 5.12", create));
adapterConformanceOverHttp2(fastifyUnderTest("Fastify 5.12", create));
