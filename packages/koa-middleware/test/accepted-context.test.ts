/** What an accepted context does with the errors that Koa gives it. */
import type { Context } from "koa";
import { expect, it } from "vitest";
import { ignoreReset } from "../src/accepted-context.ts";

it("keeps the reset of its socket to itself, and tells all else once, from a context derived of it too", () => {
  const reset = new Error("read ECONNRESET");
  const other = new Error("late");
  const told: unknown[] = [];
  const prototype = {
    onerror(this: unknown, error: Error) {
      told.push([this, error]);
    },
  };
  const ctx = Object.assign(Object.create(prototype) as object, {
    req: { socket: { errored: reset } },
  }) as unknown as Context; // as much of one as is looked at
  ignoreReset(ctx);
  const derived = Object.create(ctx) as Context;
  for (const one of [ctx, derived]) {
    one.onerror(reset);
    one.onerror(other);
  }
  expect(told).toEqual([
    [ctx, other],
    [derived, other],
  ]);
});
