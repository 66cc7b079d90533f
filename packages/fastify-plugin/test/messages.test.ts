/** Schemas of messages: by Fastify's own compilers, and by any Standard Schema. */
import { websocket, type FastifyConn } from "@longwire/fastify";
import { connect, type TestConn } from "@longwire/fastify/testing";
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import { Inbox } from "@longwire/testkit";
import { type } from "arktype";
import { fastify, type FastifyInstance } from "fastify";
import { fastify as fastify500 } from "fastify500";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import Type from "typebox";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { appWith, closing, failure } from "./app.ts";

/** Reads one message after the other as JSON and answers with what came of it. */
async function report(conn: FastifyConn): Promise<void> {
  for (;;) {
    const message = await conn.readMessage();
    try {
      conn.send(JSON.stringify({ read: message.json() }));
    } catch (error) {
      conn.send(JSON.stringify(error)); // code and issues of a ValidationError
    }
  }
}

async function tell(conn: TestConn, value: unknown): Promise<unknown> {
  await conn.writeJSON(value);
  return conn.readJSON();
}

const NOTE = {
  type: "object",
  required: ["text"],
  properties: { text: { type: "string", maxLength: 5 }, at: { type: "string" } },
} as const;

const FASTIFYS: ReadonlyArray<readonly [string, () => FastifyInstance]> = [
  ["5.12", () => fastify()],
  // The types of another package, older, and alike where they are used here.
  ["5.0.0", () => fastify500() as unknown as FastifyInstance],
];

describe.each(FASTIFYS)("JSON Schema in schema.messages, Fastify %s", (_version, create) => {
  async function start(): Promise<FastifyInstance> {
    const app = closing(create());
    await app.register(websocket, { drainTimeout: 100 });
    return app;
  }

  it("incoming messages that do not fit never get to the handler", async () => {
    const app = await start();
    app.websocket("/", { schema: { messages: { incoming: NOTE } } }, report);
    const conn = await connect(app, "/");
    expect(await tell(conn, { text: "short" })).toEqual({ read: { text: "short" } });
    expect(await tell(conn, { text: "too long" })).toMatchObject({
      code: "WS_VALIDATION",
      issues: [{ path: ["text"], message: "must NOT have more than 5 characters" }],
    });
    expect(await tell(conn, {})).toMatchObject({
      issues: [{ path: [], message: "must have required property 'text'" }],
    });
  });

  it("a whole message is coerced as its parts are, or refused", async () => {
    const app = await start();
    app.websocket("/", { schema: { messages: { incoming: { type: "number" } } } }, report);
    const conn = await connect(app, "/");
    expect(await tell(conn, "5")).toEqual({ read: 5 });
    expect(await tell(conn, "five")).toMatchObject({ issues: [{ message: "must be number" }] });
  });

  it("outgoing values are checked as the peer would read them, and not changed", async () => {
    const app = await start();
    const outcomes = new Inbox<unknown>("what became of a write");
    const value = { text: 7, at: new Date(0) };
    app.websocket("/", { schema: { messages: { outgoing: NOTE } } }, async (conn) => {
      await conn.writeJSON(value);
      outcomes.push(await failure(conn.writeJSON({ text: "too long" })));
      await conn.writeJSON({ text: "end" });
    });
    const conn = await connect(app, "/");
    expect(await conn.readJSON()).toEqual({ text: "7", at: "1970-01-01T00:00:00.000Z" });
    expect(value).toEqual({ text: 7, at: new Date(0) });
    expect(await outcomes.next()).toMatchObject({ code: "WS_VALIDATION" });
    expect(await conn.readJSON()).toEqual({ text: "end" });
  });

  it("a schema that is wrong stops the application, naming the route", async () => {
    const app = await start();
    const messages = { incoming: { type: "no type" } };
    app.websocket("/wrong", { schema: { messages } }, report);
    const error = await failure(app.ready());
    expect(error).toMatchObject({ code: "FST_ERR_SCH_VALIDATION_BUILD" });
    expect(error.message).toContain("/wrong");
  });

  it("shared schemas of the scope are there, also where nothing else is validated", async () => {
    const app = await start();
    app.get("/", { schema: { querystring: { type: "object" } } }, async () => "");
    app.register(async (inner) => {
      inner.addSchema({ $id: "note", ...NOTE });
      inner.websocket("/shared", { schema: { messages: { incoming: { $ref: "note#" } } } }, report);
    });
    const conn = await connect(app, "/shared");
    expect(await tell(conn, { text: "short" })).toEqual({ read: { text: "short" } });
    expect(await tell(conn, {})).toMatchObject({ code: "WS_VALIDATION" });
  });

  it("does not get in the way of requests with a body's headers", async () => {
    const app = await start();
    const schema = { messages: { incoming: NOTE } };
    app.route({ method: "GET", url: "/", schema, handler: async () => "page", wsHandler: report });
    for (const type of ["WebSocket; incoming", "WebSocket", "application/json"]) {
      const headers = { "content-type": type };
      expect((await app.inject({ url: "/", headers })).body).toBe("page");
    }
    const conn = await connect(app, "/", { headers: { "Content-Type": "application/json" } });
    expect(await tell(conn, { text: "short" })).toEqual({ read: { text: "short" } });
  });

  it("a compiler of the route or of the instance does the work", async () => {
    const app = await start();
    const named = (name: string) => () => (value: unknown) => ({ value: [name, value] });
    app.setValidatorCompiler(named("instance"));
    const schema = { messages: { incoming: { any: "thing" } } };
    app.websocket("/instance", { schema }, report);
    app.websocket("/route", { schema, validatorCompiler: named("route") }, report);
    for (const name of ["instance", "route"]) {
      const conn = await connect(app, `/${name}`);
      expect(await tell(conn, 1)).toEqual({ read: [name, 1] });
    }
  });
});

describe("compilers of the ecosystem in schema.messages", () => {
  it("TypeBox", async () => {
    const app = await appWith();
    app.setValidatorCompiler(TypeBoxValidatorCompiler);
    const incoming = Type.Object({ text: Type.String({ maxLength: 5 }) });
    app.websocket("/", { schema: { messages: { incoming } } }, report);
    const conn = await connect(app, "/");
    expect(await tell(conn, { text: "short" })).toEqual({ read: { text: "short" } });
    expect(await tell(conn, { text: "too long" })).toMatchObject({ issues: [{ path: ["text"] }] });
    expect(await tell(conn, { text: 5 })).toMatchObject({ code: "WS_VALIDATION" });
  });

  it("zod", async () => {
    const app = await appWith();
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    const incoming = z.object({ list: z.array(z.object({ at: z.iso.datetime() })) });
    app.websocket("/", { schema: { params: z.object({}), messages: { incoming } } }, report);
    const conn = await connect(app, "/");
    const good = { list: [{ at: "2026-01-01T00:00:00Z" }] };
    expect(await tell(conn, good)).toEqual({ read: good });
    expect(await tell(conn, { list: [{ at: "yesterday" }] })).toMatchObject({
      issues: [{ path: ["list", "0", "at"], message: "Invalid ISO datetime" }],
    });
  });
});

const STANDARD = [
  ["zod", z.object({ text: z.string().max(5) })],
  ["valibot", v.object({ text: v.pipe(v.string(), v.maxLength(5)) })],
  ["arktype", type({ text: "string <= 5" })],
] as const;

describe.each(STANDARD)("a Standard Schema of %s in the option messages", (_name, schema) => {
  it("checks what comes in and what goes out", async () => {
    const app = await appWith();
    const messages = { incoming: schema, outgoing: schema };
    const outcomes = new Inbox<unknown>("what became of a write");
    app.get("/", { websocket: { messages } }, async (conn) => {
      outcomes.push(await failure(conn.writeJSON({ text: "too long" })));
      await report(conn);
    });
    const conn = await connect(app, "/");
    expect(await outcomes.next()).toMatchObject({ issues: [{ path: ["text"] }] });
    expect(await tell(conn, { text: "short" })).toEqual({ read: { text: "short" } });
    expect(await tell(conn, { text: "too long" })).toMatchObject({ issues: [{ path: ["text"] }] });
  });
});

describe("schemas that cannot be", () => {
  it.each([
    ["both ways at once", { messages: { incoming: z.string() }, schema: { messages: {} } }],
    ["a name that is none", { schema: { messages: { in: {} } as object } }],
    ["no Standard Schema", { messages: { incoming: NOTE as never } }],
  ])("%s: refused when the route is declared", async (_what, options) => {
    const app = await appWith();
    expect(() => app.websocket("/", options, report)).toThrow(TypeError);
  });

  it("one that waits is an error of the message", async () => {
    const app = await appWith();
    app.websocket("/", { schema: { messages: { incoming: { $async: true } } } }, async (conn) => {
      conn.send(String(await failure(conn.readJSON())));
    });
    const conn = await connect(app, "/");
    await conn.writeJSON(1);
    expect((await conn.readMessage()).text()).toMatch(/^TypeError: .* must not wait/u);
  });
});
