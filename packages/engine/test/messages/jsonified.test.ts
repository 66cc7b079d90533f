/** What the peer reads of a value, at compile time, beside what JSON really makes of it. */
import { describe, expect, expectTypeOf, it } from "vitest";
import type { Jsonified } from "../../src/messages/jsonified.ts";

/** Goes through JSON; the type claims what the test is about. */
function throughJson<T>(value: T): Jsonified<T> {
  return JSON.parse(JSON.stringify(value)) as Jsonified<T>;
}

class Money {
  readonly cents: number;
  #currency = "EUR";

  constructor(cents: number) {
    this.cents = cents;
  }

  toJSON(key: string): { amount: string; key: string } {
    return { amount: `${this.cents / 100} ${this.#currency}`, key };
  }
}

/** `toJSON` that gives what has a `toJSON` of its own. */
class Wrapped {
  readonly by = "Wrapped";

  toJSON(): this {
    return this;
  }
}

interface Tree {
  readonly made: Date;
  readonly children: readonly Tree[];
  readonly parent: Tree | null;
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

describe("Jsonified", () => {
  it("leaves primitives, literals and brands alone", () => {
    expectTypeOf<Jsonified<string>>().toEqualTypeOf<string>();
    expectTypeOf<Jsonified<"a" | 1 | true | null>>().toEqualTypeOf<"a" | 1 | true | null>();
    type UserId = string & { readonly __brand: "UserId" };
    expectTypeOf<Jsonified<{ id: UserId }>>().toEqualTypeOf<{ id: UserId }>();
    expectTypeOf<Jsonified<`room-${number}`>>().toEqualTypeOf<`room-${number}`>();
    expect(throughJson({ id: "u1" })).toEqual({ id: "u1" });
  });

  it("turns what has toJSON into what that gives, once, everywhere", () => {
    const value = { at: new Date(0), list: [new Date(0)], price: new Money(250) };
    const read = throughJson(value);
    expectTypeOf(read).toEqualTypeOf<{
      at: string;
      list: string[];
      price: { amount: string; key: string };
    }>();
    const at = "1970-01-01T00:00:00.000Z";
    expect(read).toEqual({ at, list: [at], price: { amount: "2.5 EUR", key: "price" } });
    const wrapped = throughJson(new Wrapped());
    expectTypeOf(wrapped).toEqualTypeOf<{ readonly by: "Wrapped" }>();
    expect(wrapped).toEqual({ by: "Wrapped" });
    expectTypeOf<Jsonified<Date | null>>().toEqualTypeOf<string | null>();
  });

  it("makes properties optional that may have no JSON form, and drops those that never have one", () => {
    interface Value {
      a: string;
      b?: number;
      c: Date | undefined;
      d: undefined;
      e: () => void;
      f: symbol | "named";
      [Symbol.iterator]: number;
      method(): void;
    }
    expectTypeOf<Jsonified<Value>>().toEqualTypeOf<{
      a: string;
      b?: number;
      c?: string;
      f?: "named";
    }>();
    const value: Value = {
      a: "a",
      c: undefined,
      d: undefined,
      e: () => {},
      f: Symbol("f"),
      [Symbol.iterator]: 1,
      method: () => {},
    };
    expect(Object.keys(throughJson(value))).toEqual(["a"]);
  });

  it("is never of what has no JSON form at all", () => {
    expectTypeOf<Jsonified<() => void>>().toEqualTypeOf<never>();
    expectTypeOf<Jsonified<undefined | symbol>>().toEqualTypeOf<never>();
    expect(JSON.stringify(() => {})).toBeUndefined();
  });

  it("keeps readonly and optional as they are", () => {
    expectTypeOf<Jsonified<{ readonly a?: Date; readonly b: 1 }>>().toEqualTypeOf<{
      readonly a?: string;
      readonly b: 1;
    }>();
  });

  it("puts null into arrays and tuples where there is no JSON form", () => {
    const sparse: (number | undefined)[] = [1, undefined];
    const read = throughJson(sparse);
    expectTypeOf(read).toEqualTypeOf<(number | null)[]>();
    expect(read).toEqual([1, null]);
    expectTypeOf<Jsonified<readonly [Date, () => void]>>().toEqualTypeOf<readonly [string, null]>();
    expect(throughJson([new Date(0), () => {}] as const)).toEqual([expect.any(String), null]);
    expectTypeOf<Jsonified<unknown[]>>().toEqualTypeOf<unknown[]>();
  });

  it("distributes over unions, and keeps them told apart", () => {
    type Event = { kind: "said"; at: Date } | { kind: "left"; why?: string };
    expectTypeOf<Jsonified<Event>>().toEqualTypeOf<
      { kind: "said"; at: string } | { kind: "left"; why?: string }
    >();
    const read = throughJson<Event>({ kind: "said", at: new Date(0) });
    if (read.kind === "said") expectTypeOf(read.at).toEqualTypeOf<string>();
    expect(read.kind).toBe("said");
  });

  it("knows nothing of the unknown, wherever it stands", () => {
    expectTypeOf<Jsonified<unknown>>().toEqualTypeOf<unknown>();
    // oxlint-disable-next-line typescript/no-explicit-any -- what comes of any is what the test is about
    expectTypeOf<Jsonified<any>>().toEqualTypeOf<unknown>();
    expectTypeOf<Jsonified<{ a: unknown; b?: unknown }>>().toEqualTypeOf<{
      a: unknown;
      b?: unknown;
    }>();
    expectTypeOf<Jsonified<never>>().toEqualTypeOf<never>();
    expect(throughJson<unknown>(1)).toBe(1);
  });

  it("maps records, and gives maps and sets as what JSON makes of them", () => {
    expectTypeOf<Jsonified<Record<string, Date>>>().toEqualTypeOf<Record<string, string>>();
    expectTypeOf<Jsonified<Record<"a" | "b", Date>>>().toEqualTypeOf<{ a: string; b: string }>();
    expectTypeOf<Jsonified<Map<string, Date>>>().toEqualTypeOf<Record<string, never>>();
    expectTypeOf<Jsonified<Set<number>>>().toEqualTypeOf<Record<string, never>>();
    expect(throughJson(new Map([["a", 1]]))).toEqual({});
  });

  it("has no value for a bigint, which JSON refuses", () => {
    expectTypeOf<Jsonified<bigint>>().toEqualTypeOf<never>();
    expectTypeOf<Jsonified<{ a: bigint }>>().toEqualTypeOf<{ a: never }>();
    expect(() => throughJson({ a: 1n })).toThrow(TypeError);
  });

  it("follows types that contain themselves", () => {
    const root: Tree = { made: new Date(0), children: [], parent: null };
    const read = throughJson<Tree>({ made: new Date(0), children: [root], parent: null });
    expectTypeOf(read.children[0]?.children[0]?.made).toEqualTypeOf<string | undefined>();
    expectTypeOf(read.parent?.parent?.made).toEqualTypeOf<string | undefined>();
    expect(read.children[0]?.made).toBe("1970-01-01T00:00:00.000Z");
    expectTypeOf<Jsonified<{ any: Json; at: Date }>>().toEqualTypeOf<{ any: Json; at: string }>();
  });
});
