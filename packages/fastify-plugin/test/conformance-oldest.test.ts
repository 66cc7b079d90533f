/** The behaviour suite of all adapters on the oldest Fastify of the peer range. */
import { adapterConformance } from "@longwire/testkit";
import { fastify as fastify500 } from "fastify500";
import { fastifyUnderTest, type FastifyFactory } from "./fastify-under-test.ts";

// Its types are those of another package, and older; the suite finds out whether it behaves alike.
adapterConformance(fastifyUnderTest("Fastify 5.0.0", fastify500 as unknown as FastifyFactory));
