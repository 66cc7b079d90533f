/** The message contract of a route: what it infers, what it lets through, what becomes of the rest. */
import { connect } from "@longwire/hono/testing";
import { deferred, Inbox } from "@longwire/testkit";
import { type } from "arktype";
import { Hono } from "hono";
import * as v from "valibot";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { ValidationError, websocket, type Conn, type Messages } from "../src/index.ts";

/** The client sends numbers as text, and is told a sum and when it was made. */
const contracts = {
  zod: {
    incoming: z.object({ add: z.string().transform(Number) }),
    outgoing: z.object({ sum: z.number(), at: z.date() }),
  },
  valibot: {
    incoming: v.object({ add: v.pipe(v.string(), v.transform(Number)) }),
    outgoing: v.object({ sum: v.number(), at: v.date() }),
  },
  arktype: {
    incoming: type({ add: "string.numeric.parse" }),
    outgoing: type({ sum: "number", at: "Date" }),
  },
} satisfies Record<string, Messages>;

interface Add {
  add: number;
}
interface Sum {
  sum: number;
  at: Date;
}

describe("types", () => {
  it("of the handler's connection are those of the schemas, whatever the library", () => {
    const app = new Hono();
    app.get("/zod", (c) =>
      websocket(c, { messages: contracts.zod }, (conn) => {
        expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
      }),
    );
    app.get("/valibot", (c) =>
      websocket(c, { messages: contracts.valibot }, (conn) => {
        expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
      }),
    );
    app.get("/arktype", (c) =>
      websocket(c, { messages: contracts.arktype }, (conn) => {
        expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
      }),
    );
    app.get(
      "/short",
      websocket(
        {
          messages: contracts.zod,
          onError: (_error, conn) => expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>(),
        },
        (conn) => {
          expectTypeOf(conn).toEqualTypeOf<Conn<Add, Sum>>();
        },
      ),
    );
    app.get("/inline", (c) =>
      websocket(c, { messages: { incoming: z.literal("go") } }, async (conn) => {
        expectTypeOf(await conn.readJSON()).toEqualTypeOf<"go">();
        expectTypeOf(conn).toEqualTypeOf<Conn<"go">>();
      }),
    );
    expect(app.routes).toHaveLength(5);
  });

  it("refuse a wrong outgoing value", () => {
    const app = new Hono();
    app.get("/", (c) =>
      websocket(c, { messages: contracts.zod }, async (conn) => {
        // @ts-expect-error -- the sum is a number
        await conn.writeJSON({ sum: "5", at: new Date() });
        // @ts-expect-error -- the date is missing
        await conn.writeJSON({ sum: 5 });
      }),
    );
    expect(app.routes).toHaveLength(1);
  });
});

describe.each(Object.entries(contracts))("a contract of %s", (_library, messages: Messages) => {
  it("gives the handler what the schema makes of a message", async () => {
    const app = new Hono();
    app.get("/", (c) =>
      websocket(c, { messages }, async (conn) => {
        let sum = 0;
        for await (const message of conn.json()) {
          sum += (message as Add).add; // the loop over libraries has lost the type
          await conn.writeJSON({ sum, at: new Date(0) });
        }
      }),
    );
    await using conn = await connect(app, "/");
    await conn.writeJSON({ add: "20" });
    await conn.writeJSON({ add: "22" });
    await conn.readJSON();
    expect(await conn.readJSON()).toEqual({ sum: 42, at: "1970-01-01T00:00:00.000Z" });
  });

  it("closes with 1007 at a message that does not fit", async () => {
    const reached: unknown[] = [];
    const app = new Hono();
    app.get("/", (c) =>
      websocket(c, { messages }, async (conn) => {
        for await (const message of conn.json()) reached.push(message);
      }),
    );
    await using conn = await connect(app, "/");
    await conn.writeJSON({ add: 5 });
    expect(await conn.closed).toMatchObject({ code: 1007 });
    expect(reached).toEqual([]);
  });

  it("tells readJSON what is wrong and where, and the connection goes on", async () => {
    const problems = new Inbox<unknown>("an error of readJSON");
    const app = new Hono();
    app.get("/", (c) =>
      websocket(c, { messages }, async (conn) => {
        await conn.readJSON().catch((error: unknown) => problems.push(error));
        await conn.readJSON();
        conn.send("the second was fine");
      }),
    );
    await using conn = await connect(app, "/");
    await conn.writeJSON({ add: 5 });
    await conn.writeJSON({ add: "5" });
    const problem = await problems.next();
    expect(problem).toBeInstanceOf(ValidationError);
    expect(problem).toMatchObject({
      code: "WS_VALIDATION",
      issues: [{ path: ["add"], message: expect.stringMatching(/string/iu) }],
    });
    expect((await conn.readMessage()).text()).toBe("the second was fine");
  });

  it("keeps a wrong message of ours from going out, and reports it", async () => {
    const errors = new Inbox<unknown>("an error");
    const written = deferred<unknown>();
    const app = new Hono();
    app.get("/", (c) =>
      websocket(c, { messages, onError: (error) => errors.push(error) }, async (conn) => {
        const wrong = { sum: "no number", at: new Date() };
        written.resolve(await conn.writeJSON(wrong).catch((error: unknown) => error));
        conn.send("only this");
      }),
    );
    await using conn = await connect(app, "/");
    expect((await conn.readMessage()).text()).toBe("only this");
    const error = await errors.next();
    expect(error).toMatchObject({ issues: [{ path: ["sum"] }] });
    expect(await written.promise).toBe(error);
  });
});

describe("onInvalid of json()", () => {
  it("skips what does not fit", async () => {
    const app = new Hono();
    app.get("/", (c) =>
      websocket(c, { messages: contracts.zod }, async (conn) => {
        const onInvalid = (error: unknown): void => {
          conn.send(error instanceof ValidationError ? "does not fit" : "no JSON");
        };
        for await (const { add } of conn.json({ onInvalid })) conn.send(`fits: ${add}`);
      }),
    );
    await using conn = await connect(app, "/");
    for (const text of ['{"add":1}', "{", '{"add":"1"}']) conn.send(text);
    const answers: string[] = [];
    for (let n = 0; n < 3; n++) answers.push((await conn.readMessage()).text());
    expect(answers).toEqual(["does not fit", "no JSON", "fits: 1"]);
  });
});
