import { checksByValidators, ValidationError, type Validator } from "@longwire/engine";
import { describe, expect, it } from "vitest";

/** A validator as Ajv compiles it for `{ type: "object", properties: { at: string, n: number } }`, coercing `n`. */
function ajvLike(): Validator {
  const validate = (value: unknown, context?: object): boolean => {
    if (typeof value === "string" && context !== undefined) {
      const { parentData, parentDataProperty } = context as {
        parentData: Record<string, unknown>;
        parentDataProperty: string;
      };
      parentData[parentDataProperty] = Number(value);
      return true;
    }
    const object = value as Record<string, unknown>;
    validate.errors = [
      { instancePath: "/list/0/a~1b~0c", message: "must be string" },
      { instancePath: "", message: "must have n" },
    ];
    if (typeof object["at"] !== "string") return false;
    object["n"] = Number(object["n"]);
    return true;
  };
  validate.errors = undefined as unknown;
  return Object.assign(validate, { schemaEnv: {} });
}

function failure(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe("checks by Ajv's functions", () => {
  it("list path and reason of each issue", () => {
    const error = failure(() => checksByValidators({ incoming: ajvLike() }).incoming?.({}));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({
      code: "WS_VALIDATION",
      issues: [
        { message: "must be string", path: ["list", "0", "a/b~c"] },
        { message: "must have n", path: [] },
      ],
    });
  });

  it("give what was coerced, the whole message too", () => {
    const { incoming } = checksByValidators({ incoming: ajvLike() });
    expect(incoming?.({ at: "x", n: "5" })).toEqual({ at: "x", n: 5 });
    expect(incoming?.("5")).toBe(5);
  });

  it("look at what JSON makes of an outgoing value, and leave the value itself alone", () => {
    const { outgoing } = checksByValidators({ outgoing: ajvLike() });
    const value = { at: new Date(0), n: "5" };
    expect(outgoing?.(value)).toEqual({ at: "1970-01-01T00:00:00.000Z", n: 5 });
    expect(value).toEqual({ at: new Date(0), n: "5" });
    expect(outgoing?.(undefined)).toBeUndefined();
  });
});

describe("checks by functions that give an object", () => {
  it("give its value", () => {
    const checks = checksByValidators({ incoming: (value) => ({ value: [value] }) });
    expect(checks.incoming?.(1)).toEqual([1]);
    expect(checks.outgoing).toBeUndefined();
  });

  it.each([
    ["an Error", new Error("is odd"), [{ message: "is odd", path: [] }]],
    [
      "a list",
      [{ message: "too long", instancePath: "/a" }],
      [{ message: "too long", path: ["a"] }],
    ],
    ["a text", "wrong", [{ message: "is invalid", path: [] }]],
  ])("throw its error, %s", (_kind, error, issues) => {
    const { outgoing } = checksByValidators({ outgoing: () => ({ error }) });
    expect(failure(() => outgoing?.(1))).toMatchObject({ issues, cause: error });
  });

  it("refuse to wait", () => {
    const { incoming } = checksByValidators({ incoming: async () => true });
    expect(() => incoming?.(1)).toThrow(TypeError);
  });
});
