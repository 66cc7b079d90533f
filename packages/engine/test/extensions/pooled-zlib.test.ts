/** The probe before zlib's pooled handles: what does not behave leaves everything to the public functions. */
import { createInflateRaw, deflateRawSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { publicCodec } from "../../src/extensions/deflate-codec.ts";
import { openPooledCodec } from "../../src/extensions/pooled-zlib.ts";
import { Seeded } from "../compression/sample-text.ts";

type Method = (this: unknown, ...given: unknown[]) => unknown;

/** What Node's zlib objects inherit from. */
function prototype(): Record<string, Method> {
  const handle: unknown = Reflect.get(createInflateRaw(), "_handle");
  return Object.getPrototypeOf(handle) as Record<string, Method>; // every method of it is a function
}

/** Has Node's zlib objects behave otherwise until the test has finished. */
function replace(name: string, make: (original: Method) => Method): void {
  const methods = prototype();
  const original = methods[name];
  if (original === undefined) throw new Error(`zlib has no ${name}`);
  methods[name] = make(original);
  onTestFinished(() => {
    methods[name] = original;
  });
}

describe("openPooledCodec()", () => {
  it("opens on this Node", () => {
    expect(openPooledCodec()).toBeDefined();
  });

  it("leaves Node's zlib as it was", () => {
    const before = Object.entries(prototype());
    openPooledCodec();
    expect(Object.entries(prototype())).toEqual(before);
    expect(deflateRawSync("text").length).toBeGreaterThan(0);
  });

  it("compresses like the public functions, message after message", () => {
    const codec = openPooledCodec();
    const random = new Seeded(23);
    let dictionary: Buffer | undefined;
    for (let count = 0; count < 600; count++) {
      const message = random.message(20_000);
      const settings = {
        level: random.below(12) - 2,
        memLevel: 1 + random.below(9),
        windowBits: 8 + random.below(8),
        dictionary,
      };
      const blocks = codec?.deflate(message, settings) ?? Buffer.alloc(0);
      const limits = { windowBits: settings.windowBits, dictionary, limit: message.length };
      const payload = Buffer.from(blocks.subarray(0, -4));
      expect(publicCodec.inflate(payload, limits)?.equals(message)).toBe(true);
      expect(codec?.inflate(payload, limits)?.equals(message)).toBe(true);
      // zlib hashes up to three bytes behind the input, which may still hold another message: it then finds other
      // matches, as good as those of a fresh handle.
      const { length } = publicCodec.deflate(message, settings);
      expect(Math.abs(blocks.length - length)).toBeLessThanOrEqual(8);
      dictionary = random.chance(20) ? undefined : message.subarray(0, 2 ** settings.windowBits);
    }
  });

  it.each(["init", "writeSync"])("refuses where %s is not where it was", (name) => {
    const methods = prototype();
    const original = methods[name];
    if (original === undefined) throw new Error(`zlib has no ${name}`);
    const parent = Object.getPrototypeOf(methods) as Record<string, Method>; // as above
    parent[name] = original;
    delete methods[name];
    onTestFinished(() => {
      methods[name] = original;
      delete parent[name];
    });
    expect(openPooledCodec()).toBeUndefined();
  });

  it("refuses where a byte of the result differs", () => {
    replace(
      "writeSync",
      (original) =>
        function (this: unknown, ...given) {
          const result = Reflect.apply(original, this, given);
          const output = given[4];
          if (output instanceof Uint8Array && output.length === 65_536)
            output[0] = ~(output[0] ?? 0);
          return result;
        },
    );
    expect(openPooledCodec()).toBeUndefined();
  });

  it("refuses where a handle can't be used again", () => {
    replace("reset", () => () => {});
    expect(openPooledCodec()).toBeUndefined();
  });

  it("errors run no code of others inside a call", () => {
    const codec = openPooledCodec();
    const ran: string[] = [];
    queueMicrotask(() => ran.push("microtask"));
    process.nextTick(() => ran.push("tick"));
    expect(() =>
      codec?.inflate(Buffer.from("ffffff", "hex"), {
        windowBits: 15,
        dictionary: undefined,
        limit: 100,
      }),
    ).toThrow("invalid block type");
    expect(ran).toEqual([]);
  });
});
