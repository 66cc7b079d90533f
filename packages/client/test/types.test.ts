/** What the client knows of messages at compile time. */
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { connect, reconnect, type ClientConn } from "../src/index.ts";
import { StandIn } from "./stand-in.ts";

const WebSocket = StandIn;
const URL = "ws://a.example";

type Received<C> = C extends AsyncIterable<infer Value> ? Value : never;
type Sent<C> = C extends ClientConn<infer _In, infer Out> ? Out : never;

const contracts = {
  zod: {
    incoming: z.object({ add: z.string().transform(Number) }),
    outgoing: z.object({ sum: z.number(), at: z.date(), note: z.string().optional() }),
  },
  valibot: {
    incoming: v.object({ add: v.pipe(v.string(), v.transform(Number)) }),
    outgoing: v.object({ sum: v.number(), at: v.date(), note: v.optional(v.string()) }),
  },
  arktype: {
    incoming: type({ add: "string.numeric.parse" }),
    outgoing: type({ sum: "number", at: "Date", "note?": "string" }),
  },
};

interface Add {
  add: string;
}
interface Sum {
  sum: number;
  at: string;
  note?: string;
}

describe("types", () => {
  it("of a contract by type are those of the wire, whatever the library", () => {
    const byZod = connect<typeof contracts.zod>(URL, { WebSocket });
    expectTypeOf<Received<typeof byZod>>().toExtend<Sum>();
    expectTypeOf<Sent<typeof byZod>>().toEqualTypeOf<Add>();
    const byValibot = connect<typeof contracts.valibot>(URL, { WebSocket });
    expectTypeOf<Received<typeof byValibot>>().toExtend<Sum>();
    expectTypeOf<Sent<typeof byValibot>>().toEqualTypeOf<Add>();
    const byArktype = connect<typeof contracts.arktype>(URL, { WebSocket });
    expectTypeOf<Received<typeof byArktype>>().toExtend<Sum>();
    expectTypeOf<Sent<typeof byArktype>>().toEqualTypeOf<Add>();
    const again = reconnect(() => byZod);
    expectTypeOf<Received<typeof again>>().toEqualTypeOf<Received<typeof byZod>>();
    // @ts-expect-error -- the server makes the number
    byZod.send({ add: 1 });
    expect(StandIn.made.length).toBe(3);
  });

  it("of a contract by value are what its check gives", async () => {
    const outgoing = z.object({ at: z.coerce.date() });
    const messages = { incoming: contracts.zod.incoming, outgoing };
    const conn = connect(URL, { WebSocket, messages });
    expectTypeOf(conn).toEqualTypeOf<ClientConn<{ at: Date }, Add>>();
    const options = { WebSocket, messages };
    expectTypeOf(connect(URL, options)).toEqualTypeOf<ClientConn<{ at: Date }, Add>>();
    expectTypeOf(connect<typeof messages>(URL, options)).toEqualTypeOf<typeof conn>();
    expect(conn.closedHere).toBe(false);
  });

  it("refuse a check that no message could pass", () => {
    // @ts-expect-error -- the date is a string on the wire, and z.date() takes none
    expect(connect(URL, { WebSocket, messages: contracts.zod })).toBeDefined();
  });

  it("without a contract are unknown", () => {
    expectTypeOf(connect(URL, { WebSocket })).toEqualTypeOf<ClientConn>();
    expectTypeOf(
      connect<{ incoming: typeof contracts.zod.incoming }>(URL, { WebSocket }),
    ).toEqualTypeOf<ClientConn<unknown, Add>>();
    expect(StandIn.made.length).toBeGreaterThan(0);
  });
});
