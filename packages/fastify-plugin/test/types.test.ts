/** What the compiler knows of a route: checked by `tsc`, which reads this file with the others. */
import type { Conn } from "@longwire/engine";
import { websocket, type FastifyConn, type Messages } from "@longwire/fastify";
import { connect, type TestConn } from "@longwire/fastify/testing";
import type { JsonSchemaToTsProvider } from "@fastify/type-provider-json-schema-to-ts";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { fastify, type FastifyBaseLogger, type FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import Type from "typebox";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { appWith, closing } from "./app.ts";

const NOTE = {
  type: "object",
  required: ["text"],
  additionalProperties: false,
  properties: { text: { type: "string" } },
} as const;
const ROOM = {
  type: "object",
  required: ["room"],
  additionalProperties: false,
  properties: { room: { type: "string" } },
} as const;

describe("app.websocket", () => {
  it("gives this, a connection with a logger, and the request", async () => {
    const app = await appWith();
    const returned = app.websocket("/", function handle(conn, request) {
      expectTypeOf(this).toEqualTypeOf<FastifyInstance>();
      expectTypeOf(conn).toEqualTypeOf<FastifyConn>();
      expectTypeOf(conn.log).toEqualTypeOf<FastifyBaseLogger>();
      expectTypeOf(request.params).toEqualTypeOf<unknown>();
      expectTypeOf(request.log).toEqualTypeOf<FastifyBaseLogger>();
    });
    expectTypeOf(returned).toEqualTypeOf<FastifyInstance>();
  });

  it("takes the route's generics", async () => {
    const app = await appWith();
    app.websocket<{ Params: { room: string }; Querystring: { since?: number } }>(
      "/:room",
      (_conn, request) => {
        expectTypeOf(request.params.room).toBeString();
        expectTypeOf(request.query.since).toEqualTypeOf<number | undefined>();
      },
    );
    app.websocket<{ Params: { room: string } }>(
      "/:room/options",
      { readLimit: 1 },
      (_, request) => {
        expectTypeOf(request.params.room).toBeString();
      },
    );
  });

  it("takes options of both, and no others", async () => {
    const app = await appWith();
    const preHandler = async (): Promise<void> => {};
    app.websocket(
      "/",
      { preHandler, logLevel: "warn", readLimit: 1, subprotocols: ["a"] },
      () => {},
    );
    // @ts-expect-error -- no such option
    app.websocket("/wrong", { readLimt: 1 }, () => {});
    // @ts-expect-error -- a number of bytes
    expect(() => app.websocket("/type", { readLimit: "1" }, () => {})).toThrow(TypeError);
  });

  it("takes handlers for any connection", async () => {
    const app = await appWith();
    const handler = async (conn: Conn): Promise<void> => void (await conn.discard());
    app.websocket("/", handler);
    app.websocket("/typed", { messages: { incoming: z.string() } }, handler);
    expectTypeOf<FastifyConn<string, number>>().toExtend<Conn>();
  });
});

describe("type providers", () => {
  it("TypeBox: params and messages", () => {
    const app = fastify().withTypeProvider<TypeBoxTypeProvider>();
    const schema = {
      params: Type.Object({ room: Type.String() }),
      messages: {
        incoming: Type.Object({ text: Type.String() }),
        outgoing: Type.Object({ count: Type.Number() }),
      },
    };
    app.register(async (inner) => {
      inner.register(websocket);
      inner.after(() => {
        inner
          .withTypeProvider<TypeBoxTypeProvider>()
          .websocket("/:room", { schema }, async (conn, request) => {
            expectTypeOf(request.params).toEqualTypeOf<{ room: string }>();
            expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ text: string }>();
            for await (const value of conn.json())
              expectTypeOf(value).toEqualTypeOf<{ text: string }>();
            for await (const message of conn)
              expectTypeOf(message.json()).toEqualTypeOf<{ text: string }>();
            await conn.writeJSON({ count: 1 });
            // @ts-expect-error -- a number
            await conn.writeJSON({ count: "1" });
          });
      });
    });
  });

  it("zod: params and messages, what comes in as parsed", async () => {
    const app = (await appWith()).withTypeProvider<ZodTypeProvider>();
    const schema = {
      params: z.object({ room: z.string() }),
      messages: {
        incoming: z.object({ at: z.string().transform((text) => new Date(text)) }),
        outgoing: z.object({ ok: z.boolean() }),
      },
    };
    app.websocket("/:room", { schema }, async (conn, request) => {
      expectTypeOf(request.params.room).toBeString();
      expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ at: Date }>();
      await conn.writeJSON({ ok: true });
      // @ts-expect-error -- a boolean
      await conn.writeJSON({ ok: 1 });
    });
  });

  it("JSON Schema: params and messages", async () => {
    const app = (await appWith()).withTypeProvider<JsonSchemaToTsProvider>();
    const schema = { params: ROOM, messages: { incoming: NOTE, outgoing: NOTE } } as const;
    app.websocket("/:room", { schema }, async (conn, request) => {
      expectTypeOf(request.params).toEqualTypeOf<{ room: string }>();
      expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ text: string }>();
      await conn.writeJSON({ text: "" });
      // @ts-expect-error -- not in the schema
      await conn.writeJSON({ txt: "" });
    });
    // Written in place, too.
    app.websocket(
      "/inline/:room",
      { schema: { params: ROOM, messages: { incoming: NOTE } } },
      async (conn) => {
        expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ text: string }>();
        await conn.writeJSON("anything");
      },
    );
  });
});

describe("the option messages", () => {
  const contract = {
    incoming: z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }),
    outgoing: z.object({ at: z.date() }),
  } satisfies Messages;

  it("types the connection in app.websocket and in the short form", async () => {
    const app = await appWith();
    app.websocket("/", { messages: contract }, async (conn) => {
      expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ at: Date }>();
      await conn.writeJSON({ at: new Date() });
      // @ts-expect-error -- a Date
      await conn.writeJSON({ at: "" });
    });
    app.get("/short", { websocket: { messages: contract } }, async (conn) => {
      expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ at: Date }>();
      // @ts-expect-error -- a Date
      await conn.writeJSON({ at: "" });
    });
  });

  it("keeps the params of the route's generics or its schema", async () => {
    const app = (await appWith()).withTypeProvider<ZodTypeProvider>();
    const schema = { params: z.object({ room: z.string() }) };
    app.websocket("/:room", { schema, messages: contract }, async (conn, request) => {
      expectTypeOf(request.params).toEqualTypeOf<{ room: string }>();
      expectTypeOf(await conn.readJSON()).toEqualTypeOf<{ at: Date }>();
    });
  });
});

describe("the route option", () => {
  it("gives a connection in the short form, and leaves other routes alone", async () => {
    const app = await appWith();
    app.get("/", { websocket: true }, function handle(conn, request) {
      expectTypeOf(this).toEqualTypeOf<FastifyInstance>();
      expectTypeOf(conn).toEqualTypeOf<FastifyConn>();
      expectTypeOf(request.url).toBeString();
    });
    app.get<{ Params: { room: string } }>("/:room", { websocket: true }, (_conn, request) => {
      expectTypeOf(request.params.room).toBeString();
    });
    app.get("/page", async (request, reply) => {
      expectTypeOf(request.url).toBeString();
      expectTypeOf(reply.sent).toBeBoolean();
    });
    app.get("/options", { logLevel: "warn" }, (request) => {
      expectTypeOf(request.url).toBeString();
    });
  });

  it("types wsHandler beside handler", async () => {
    const app = (await appWith()).withTypeProvider<ZodTypeProvider>();
    const schema = { params: z.object({ room: z.string() }), messages: { incoming: z.string() } };
    app.route({
      method: "GET",
      url: "/:room",
      schema,
      handler: async (request) => request.params.room,
      wsHandler: async (conn, request) => {
        expectTypeOf(request.params.room).toBeString();
        expectTypeOf(await conn.readJSON()).toBeString();
      },
    });
  });

  it("holds for instances over TLS", () => {
    const app = closing(fastify({ https: {} }));
    app.register(websocket);
    app.after(() => {
      app.websocket("/", (conn) => expectTypeOf(conn).toEqualTypeOf<FastifyConn>());
    });
  });
});

describe("injectWS and connect", () => {
  it("give a connection, typed by the caller", async () => {
    const app = await appWith();
    app.websocket("/", () => {});
    const conn = await app.injectWS("/");
    expectTypeOf(conn).toEqualTypeOf<TestConn>();
    expectTypeOf(conn.response.status).toBeNumber();
    const contract = {
      incoming: z.object({ a: z.string() }),
      outgoing: z.object({ at: z.date() }),
    };
    const typed = await connect<typeof contract>(app, "/");
    expectTypeOf(typed).toEqualTypeOf<TestConn<typeof contract>>();
    expectTypeOf<ReturnType<typeof typed.readJSON>>().resolves.toEqualTypeOf<{ at: string }>();
    expectTypeOf<(typeof typed)["writeJSON"]>().parameter(0).toEqualTypeOf<{ a: string }>();
  });
});
