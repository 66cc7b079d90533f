/** The contract of a route over a connection: zod, valibot and arktype, both directions, and what does not fit. */
import { deferred, memoryDuplexPair, watchForCrashes, type CrashWatch } from "@longwire/testkit";
import { type } from "arktype";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import { z } from "zod";
import { runHandler } from "../../src/conn/run-handler.ts";
import {
  checksOf,
  openConn,
  ValidationError,
  type ClientIn,
  type ClientOut,
  type Conn,
  type In,
  type Messages,
  type Out,
  type StandardSchema,
} from "../../src/index.ts";

/** The client asks with a list, and is told a sum and when it was made. */
const contracts = {
  zod: {
    incoming: z.object({
      from: z.object({ name: z.string() }),
      add: z.array(z.string().transform(Number)),
    }),
    outgoing: z.object({
      sum: z.number(),
      at: z.date(),
      note: z.string().optional(),
    }),
  },
  valibot: {
    incoming: v.object({
      from: v.object({ name: v.string() }),
      add: v.array(v.pipe(v.string(), v.transform(Number))),
    }),
    outgoing: v.object({ sum: v.number(), at: v.date(), note: v.optional(v.string()) }),
  },
  arktype: {
    incoming: type({ from: { name: "string" }, add: type("string.numeric.parse").array() }),
    outgoing: type({ sum: "number", at: "Date", "note?": "string" }),
  },
} satisfies Record<string, Messages>;

interface Ask {
  from: { name: string };
  add: number[];
}
interface AskOnTheWire {
  from: { name: string };
  add: string[];
}
interface Told {
  sum: number;
  at: Date;
  note?: string | undefined;
}

let watch: CrashWatch;
beforeEach(() => {
  watch = watchForCrashes();
});
afterEach(() => watch.stop());

/** Runs a handler on the server's end of a pair in memory; errors of its route are `reported`. */
function serve<M extends Messages>(
  messages: M,
  handler: (conn: Conn<In<M>, Out<M>>) => unknown,
): { client: Conn; reported: unknown[]; done: Promise<void> } {
  const [ours, theirs] = memoryDuplexPair();
  const plain = { options: {}, subprotocol: "", extensions: "" };
  const nothing = Buffer.alloc(0);
  const checks = checksOf(messages);
  const conn = openConn(ours, nothing, { ...plain, role: "server", checks });
  const client = openConn(theirs, nothing, { ...plain, role: "client" });
  const reported: unknown[] = [];
  const done = deferred();
  runHandler(
    conn,
    async () => {
      try {
        await handler(conn as Conn<In<M>, Out<M>>); // opened with the checks of M
      } finally {
        done.resolve();
      }
    },
    (error) => reported.push(error),
  );
  return { client, reported, done: done.promise };
}

function fail(error: unknown): never {
  throw error;
}

const ASK: AskOnTheWire = { from: { name: "Ada" }, add: ["20", "22"] };

describe("types of a contract", () => {
  it("are the same whatever the library", () => {
    expectTypeOf<In<typeof contracts.zod>>().toEqualTypeOf<Ask>();
    expectTypeOf<In<typeof contracts.valibot>>().toEqualTypeOf<Ask>();
    expectTypeOf<In<typeof contracts.arktype>>().toEqualTypeOf<Ask>();
    expectTypeOf<ClientOut<typeof contracts.zod>>().toEqualTypeOf<AskOnTheWire>();
    expectTypeOf<ClientOut<typeof contracts.valibot>>().toEqualTypeOf<AskOnTheWire>();
    expectTypeOf<ClientOut<typeof contracts.arktype>>().toEqualTypeOf<AskOnTheWire>();
    expectTypeOf<Out<typeof contracts.zod>>().toExtend<Told>();
    expectTypeOf<Out<typeof contracts.valibot>>().toExtend<Told>();
    expectTypeOf<Out<typeof contracts.arktype>>().toExtend<Told>();
    interface OnTheWire {
      sum: number;
      at: string;
      note?: string;
    }
    expectTypeOf<ClientIn<typeof contracts.zod>>().toEqualTypeOf<OnTheWire>();
    expectTypeOf<ClientIn<typeof contracts.valibot>>().toEqualTypeOf<OnTheWire>();
    expectTypeOf<ClientIn<typeof contracts.arktype>>().toEqualTypeOf<OnTheWire>();
    expect(Object.keys(contracts)).toEqual(["zod", "valibot", "arktype"]);
  });

  it("are unknown where there is no schema", () => {
    expectTypeOf<In<Messages>>().toEqualTypeOf<unknown>();
    expectTypeOf<ClientIn<Messages>>().toEqualTypeOf<unknown>();
    interface Half {
      readonly incoming: StandardSchema<string, number>;
    }
    expectTypeOf<In<Half>>().toEqualTypeOf<number>();
    expectTypeOf<ClientOut<Half>>().toEqualTypeOf<string>();
    expectTypeOf<Out<Half>>().toEqualTypeOf<unknown>();
    expectTypeOf<ClientIn<Half>>().toEqualTypeOf<unknown>();
    expect(checksOf({})).toEqual({ incoming: undefined, outgoing: undefined });
  });

  it("keep the members of a union apart, with what JSON leaves of each", () => {
    const outgoing = z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("said"), text: z.string(), at: z.date() }),
      z.object({ kind: z.literal("counted"), by: z.record(z.string(), z.date()) }),
    ]);
    expectTypeOf<ClientIn<{ outgoing: typeof outgoing }>>().toEqualTypeOf<
      { kind: "said"; text: string; at: string } | { kind: "counted"; by: Record<string, string> }
    >();
    const anything = z.json();
    expectTypeOf<ClientIn<{ outgoing: typeof anything }>>().toEqualTypeOf<
      z.output<typeof anything>
    >();
    expect(outgoing.options.length).toBe(2);
  });
});

describe.each(Object.entries(contracts))("a contract of %s", (_library, messages: Messages) => {
  it("gives a reader what the schema makes of a message, each way of reading", async () => {
    const seen: unknown[] = [];
    const { client, done } = serve(messages, async (conn) => {
      seen.push(await conn.readJSON());
      seen.push((await conn.readMessage()).json());
      for await (const value of conn.json()) {
        seen.push(value);
        break;
      }
      await conn.forEach((message) => {
        seen.push(message.json());
        void conn.close();
      });
    });
    for (let n = 0; n < 4; n++) await client.writeJSON(ASK);
    await done;
    expect(seen).toEqual(Array.from({ length: 4 }, () => ({ ...ASK, add: [20, 22] })));
  });

  it("tells what does not fit by path and reason, and the connection goes on", async () => {
    const seen: unknown[] = [];
    const { client, done } = serve(messages, async (conn) => {
      const keep = (error: unknown): number => seen.push(error);
      await conn.readJSON().catch(keep);
      await conn.readJSON().catch(keep);
      seen.push(await conn.readJSON());
    });
    await client.writeJSON({ from: { name: 5 }, add: ["1"] });
    await client.writeJSON({ from: { name: "Ada" }, add: ["1", 2] });
    await client.writeJSON(ASK);
    await done;
    const [name, item, fine] = seen;
    expect(name).toBeInstanceOf(ValidationError);
    expect(name).toMatchObject({ code: "WS_VALIDATION", issues: [{ path: ["from", "name"] }] });
    expect((name as ValidationError).issues[0]?.message).toMatch(/string/iu);
    expect((name as ValidationError).message).toContain(" at from.name");
    expect(item).toMatchObject({ issues: [{ path: ["add", 1] }] });
    expect(fine).toEqual({ ...ASK, add: [20, 22] });
  });

  it("lists every issue", async () => {
    const problem = deferred<unknown>();
    const { client } = serve(messages, async (conn) => {
      await conn.readJSON().catch(problem.resolve);
    });
    await client.writeJSON({ from: { name: 5 }, add: "no list" });
    const { issues, message } = (await problem.promise) as ValidationError; // as the test above shows
    expect(issues.map(({ path }) => path.join(".")).toSorted()).toEqual(["add", "from.name"]);
    expect(message).toContain("(and 1 more)");
  });

  it("sends what the schema lets out, and nothing else", async () => {
    const errors: unknown[] = [];
    const { client, reported, done } = serve(messages, async (conn) => {
      await conn.writeJSON({ sum: 1, at: new Date(0) });
      const wrong = { sum: "no number", at: new Date(0) };
      await conn.writeJSON(wrong).catch((error: unknown) => errors.push(error));
      await conn.writeJSON({ sum: 2, at: new Date(0), note: "last" });
    });
    await done;
    expect(await client.readJSON()).toEqual({ sum: 1, at: "1970-01-01T00:00:00.000Z" });
    expect(await client.readJSON()).toMatchObject({ sum: 2, note: "last" });
    expect(errors).toEqual([expect.any(ValidationError)]);
    expect(errors).toMatchObject([{ issues: [{ path: ["sum"] }] }]);
    expect(reported).toEqual(errors);
  });
});

describe("json()", () => {
  const messages = { incoming: z.object({ n: z.number() }) };

  it.each([
    ["does not fit", '{"n":"1"}', /n/u],
    ["is not JSON", "{", /JSON/u],
  ])("closes with 1007 at a message that %s, which nobody sees", async (_what, text, reason) => {
    const seen: unknown[] = [];
    const { client, reported, done } = serve(messages, async (conn) => {
      for await (const value of conn.json()) seen.push(value);
      seen.push("end");
    });
    for (const message of ['{"n":1}', text, '{"n":2}']) client.send(message);
    const end = await client.closed;
    expect(end).toMatchObject({ code: 1007, wasClean: true });
    expect(end.reason).toMatch(reason);
    await done;
    expect(seen).toEqual([{ n: 1 }, "end"]);
    expect(reported).toEqual([]);
  });

  it("cuts a long reason at a whole character", async () => {
    const incoming = z.number({ error: () => "ü".repeat(500) });
    const { client } = serve({ incoming }, async (conn) => {
      for await (const value of conn.json()) throw new Error(`not expected: ${value}`);
    });
    client.send('"x"');
    const { code, reason } = await client.closed;
    expect(code).toBe(1007);
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
    expect(reason).toMatch(/ü{20}(?:…|\.\.\.)?$/u);
  });

  it("awaits onInvalid before it goes on", async () => {
    const seen: unknown[] = [];
    const { client, done } = serve(messages, async (conn) => {
      const onInvalid = async ({ code }: { code: unknown }): Promise<void> => {
        seen.push("asked");
        await conn.writeJSON({ refused: code });
        seen.push(code);
      };
      for await (const { n } of conn.json({ onInvalid })) {
        seen.push(n);
        if (n === 2) break;
      }
    });
    for (const text of ['{"n":"1"}', "{", '{"n":2}']) client.send(text);
    await done;
    expect(seen).toEqual(["asked", "WS_VALIDATION", "asked", "WS_JSON_INVALID", 2]);
    expect(await client.readJSON()).toEqual({ refused: "WS_VALIDATION" });
  });

  it.each([
    ["throws", (error: Error): void => fail(error)],
    ["rejects with", async (error: Error): Promise<void> => fail(error)],
  ])("ends with what onInvalid %s", async (_how, onInvalid) => {
    const { client, reported } = serve(messages, async (conn) => {
      for await (const value of conn.json({ onInvalid })) throw new Error(`${value.n} came`);
    });
    client.send('{"n":"1"}');
    expect(await client.closed).toMatchObject({ code: 1011 });
    expect(reported).toEqual([expect.any(ValidationError)]);
  });
});

describe("an outgoing value that cannot be sent", () => {
  const messages = { outgoing: z.object({ n: z.number() }) };
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const cases: [string, Messages, unknown][] = [
    ["does not fit", messages, { n: "1" }],
    ["is undefined", {}, undefined],
    ["is a function", {}, () => {}],
    ["is a bigint", {}, 1n],
    ["contains itself", {}, circle],
    ["has a toJSON that throws", {}, { toJSON: () => fail(new Error("no form")) }],
  ];

  it.each(cases)("because it %s is reported once when nobody awaits", async (_why, m, value) => {
    const { client, reported, done } = serve(m, (conn) => {
      void conn.writeJSON(value);
      conn.send("only this");
    });
    await done;
    expect((await client.readMessage()).text()).toBe("only this");
    expect(reported).toEqual([expect.any(Error)]);
  });

  it.each(cases)(
    "because it %s is reported once when the handler catches it",
    async (_why, m, value) => {
      const { client, reported, done } = serve(m, async (conn) => {
        const error: unknown = await conn.writeJSON(value).catch((reason: unknown) => reason);
        conn.send(String(error === reported[0]));
      });
      await done;
      expect((await client.readMessage()).text()).toBe("true");
      expect(reported.length).toBe(1);
    },
  );

  it.each(cases)(
    "because it %s is reported once when it escapes the handler",
    async (_why, m, value) => {
      const { client, reported } = serve(m, async (conn) => conn.writeJSON(value));
      expect(await client.closed).toMatchObject({ code: 1011 });
      expect(reported).toEqual([expect.any(Error)]);
    },
  );
});

describe("a schema that waits", () => {
  const late = {
    zod: z.string().refine(async () => true),
    "valibot, whose promise rejects": v.pipeAsync(
      v.string(),
      v.checkAsync(async () => {
        throw new Error("the database is gone");
      }),
    ),
  };

  it.each(Object.entries(late))("is a TypeError of reading (%s)", async (_name, incoming) => {
    const { client, reported } = serve({ incoming }, async (conn) => {
      for await (const value of conn.json()) throw new Error(`not expected: ${value}`);
    });
    client.send('"x"');
    expect(await client.closed).toMatchObject({ code: 1011 });
    expect(reported).toEqual([expect.any(TypeError)]);
    expect((reported[0] as Error).message).toContain("messages.incoming validates asynchronously");
  });

  it.each(Object.entries(late))("is a TypeError of writing (%s)", async (_name, outgoing) => {
    const { client, reported } = serve({ outgoing }, async (conn) => conn.writeJSON("x"));
    expect(await client.closed).toMatchObject({ code: 1011 });
    expect(reported).toEqual([expect.any(TypeError)]);
    expect((reported[0] as Error).message).toContain("messages.outgoing validates asynchronously");
  });
});

describe("a schema", () => {
  it.each([
    ["null", null],
    ["a string", "object"],
    ["a JSON Schema", { type: "object" }],
    ["a function", (value: unknown) => value],
    ["half of one", { "~standard": { version: 1, vendor: "half" } }],
    ["a null standard", { "~standard": null }],
  ])("that is %s is refused where it is declared, by its name", (_what, schema) => {
    for (const name of ["incoming", "outgoing"]) {
      const messages = { [name]: schema } as Messages; // what JavaScript lets through
      expect(() => checksOf(messages)).toThrow(TypeError);
      expect(() => checksOf(messages)).toThrow(`messages.${name} must be a Standard Schema`);
    }
  });

  it("may be a function that carries the convention, as those of arktype are", () => {
    const validate = vi.fn<(value: unknown) => { value: unknown }>((value) => ({ value }));
    const schema = Object.assign(() => {}, {
      "~standard": { version: 1 as const, vendor: "own", validate },
    });
    expect(checksOf({ incoming: schema }).incoming?.(5)).toBe(5);
    expect(validate).toHaveBeenCalledTimes(1);
  });

  it("may give paths of objects, and paths that are no plain arrays", () => {
    class Path extends Array<PropertyKey> {}
    const issues = [
      { message: "a", path: [{ key: "list" }, { key: 0 }] },
      { message: "b", path: Path.from(["x", Symbol.iterator]) },
      { message: "c" },
    ];
    const incoming = {
      "~standard": { version: 1 as const, vendor: "own", validate: () => ({ issues }) },
    };
    const check = checksOf({ incoming }).incoming;
    const error = ((): unknown => {
      try {
        return check?.(1);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as ValidationError).issues).toStrictEqual([
      { message: "a", path: ["list", 0] },
      { message: "b", path: ["x", Symbol.iterator] },
      { message: "c", path: [] },
    ]);
  });

  it("that throws lets its error through", async () => {
    const bug = new Error("a bug of the schema");
    const incoming = {
      "~standard": {
        version: 1 as const,
        vendor: "own",
        validate: (): never => {
          throw bug;
        },
      },
    };
    const { client, reported } = serve({ incoming }, (conn) => conn.readJSON());
    client.send("1");
    expect(await client.closed).toMatchObject({ code: 1011 });
    expect(reported).toEqual([bug]);
  });
});
