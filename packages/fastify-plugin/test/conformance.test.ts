/** The behaviour suite of all adapters on Fastify. */
import { adapterConformance } from "@longwire/testkit";
import { fastify } from "fastify";
import { fastifyUnderTest } from "./fastify-under-test.ts";

adapterConformance(fastifyUnderTest("Fastify 5.12", (options) => fastify(options)));
