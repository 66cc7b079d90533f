/** Every program of the README runs. */
import type { FastifyInstance } from "fastify";
import { WsPeer } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { ask, closing, failure, portOf } from "./app.ts";
import { programsOf, replaced, run } from "./document.ts";

const PROGRAMS = programsOf("README.md");
const [quickStart = "", route = "", routeOption = "", scopes = "", typed = "", testing = ""] =
  PROGRAMS;

/** What the README's later programs take as given. */
const GIVEN = `
import { websocket } from "@longwire/fastify";
import { fastify } from "fastify";
import { validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
export const app = fastify();
`;
const REGISTERED = `${GIVEN}await app.register(websocket);`;

interface Program {
  readonly app: FastifyInstance;
}

async function appOf(program: string): Promise<FastifyInstance> {
  return closing((await run<Program>(program)).app);
}

describe("the README", () => {
  it("starts quickly", async () => {
    const here = { "port: 3000": 'port: 0, host: "127.0.0.1"', "logger: true": "logger: false" };
    const app = await appOf(`${replaced(quickStart, here)}export { app };`);
    using peer = await WsPeer.open(`ws://127.0.0.1:${portOf(app)}/chat`);
    expect(await peer.next()).toBe("welcome, 127.0.0.1");
    peer.send("hello");
    expect(await peer.next()).toBe("hello");
    await peer.close();
  });

  it("declares a route with options of both", async () => {
    const given = `
      const requireUser = async (request) => { request.user = { name: "Ada" }; };
      app.decorate("latestNews", async () => ["it works"]);`;
    const app = await appOf(REGISTERED + given + route);
    expect(await (await app.injectWS("/news")).readJSON()).toEqual(["it works"]);
  });

  it("declares routes by the option", async () => {
    const app = await appOf(REGISTERED + routeOption);
    expect((await (await app.injectWS("/short")).readMessage()).text()).toBe("hello");
    expect((await app.inject("/rooms/blue")).body).toBe("the page of blue");
    const room = await app.injectWS("/rooms/blue");
    expect((await room.readMessage()).text()).toBe("the socket of blue");
  });

  it("changes the defaults in a scope", async () => {
    const given =
      "const receiveFile = async (conn) => conn.writeJSON((await conn.readMessage()).data.length);";
    const app = await appOf(GIVEN + given + scopes);
    const conn = await app.injectWS("/upload");
    await conn.writeMessage(2, Buffer.alloc(2_000_000));
    expect(await conn.readJSON()).toBe(2_000_000);
    const foreign = app.injectWS("/upload", { headers: { Origin: "https://other.example" } });
    expect(await failure(foreign)).toMatchObject({ status: 403 });
  });

  it("types and checks messages", async () => {
    const app = await appOf(REGISTERED + typed);
    const conn = await app.injectWS("/typed/blue");
    expect(await ask(conn, '{"say":"hello"}')).toBe('{"said":"hello","room":"blue"}');
    expect(await failure(ask(conn, '{"shout":"hello"}'))).toMatchObject({ code: 1007 });
  });

  it("tests an application", async () => {
    const asFunction = {
      'it("echoes", async () => {': "export async function echoes() {",
      "\n});\n": "\n}\n",
    };
    const start = replaced(quickStart, {
      "logger: true": "",
      "await app.listen({ port: 3000 });": "",
    });
    const program = `${start}import { expect } from "vitest";${replaced(testing, asFunction)}`;
    const { echoes } = await run<{ echoes: () => Promise<void> }>(program);
    await echoes();
    expect.assertions(2);
  });
});
