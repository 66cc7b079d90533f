/** Which codec a process takes. */
import { createInflateRaw, deflateRawSync } from "node:zlib";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { DeflateCodec } from "../../src/extensions/deflate-codec.ts";

beforeEach(() => {
  vi.resetModules();
  vi.unstubAllEnvs();
});

const LIMITS = { windowBits: 12, dictionary: undefined, limit: 1000 };
const SETTINGS = { level: 6, memLevel: 5, windowBits: 12, dictionary: undefined };
const PAYLOAD = deflateRawSync("text", { finishFlush: 2 }).subarray(0, -4);

/** The codec of a process that has just started, used once: it opens its handles then. */
async function freshCodec(): Promise<DeflateCodec> {
  const { chooseCodec } = await import("../../src/extensions/choose-codec.ts");
  expect(chooseCodec()).toBe(chooseCodec());
  chooseCodec().inflate(PAYLOAD, LIMITS);
  chooseCodec().deflate(PAYLOAD, SETTINGS);
  return chooseCodec();
}

/** Counts the zlib objects that Node sets up from now on. */
function countHandles(): Set<unknown> {
  const handles = new Set<unknown>();
  const prototype = Object.getPrototypeOf(Reflect.get(createInflateRaw(), "_handle")) as {
    init: (...given: unknown[]) => unknown;
  };
  const { init } = prototype;
  prototype.init = function (this: unknown, ...given) {
    handles.add(this);
    return Reflect.apply(init, this, given);
  };
  onTestFinished(() => {
    prototype.init = init;
  });
  return handles;
}

describe("chooseCodec()", () => {
  it("takes one handle for all messages", async () => {
    const codec = await freshCodec();
    const handles = countHandles();
    for (let count = 0; count < 10; count++) codec.inflate(PAYLOAD, LIMITS);
    expect(handles.size).toBe(1);
  });

  it("with LONGWIRE_PUBLIC_API_ONLY=1 calls only what is public, which sets zlib up each time", async () => {
    vi.stubEnv("LONGWIRE_PUBLIC_API_ONLY", "1");
    const codec = await freshCodec();
    const handles = countHandles();
    for (let count = 0; count < 10; count++) codec.inflate(PAYLOAD, LIMITS);
    expect(handles.size).toBe(10);
  });

  it.each(["", "0"])("another value of it, such as %j, changes nothing", async (value) => {
    vi.stubEnv("LONGWIRE_PUBLIC_API_ONLY", value);
    const codec = await freshCodec();
    const handles = countHandles();
    for (let count = 0; count < 10; count++) codec.inflate(PAYLOAD, LIMITS);
    expect(handles.size).toBe(1);
  });

  it("short messages at level 1 go without zlib, long ones and other levels by it", async () => {
    const codec = await freshCodec();
    codec.deflate(Buffer.alloc(2049), { ...SETTINGS, level: 1 });
    const handles = countHandles();
    codec.deflate(Buffer.alloc(2048, "a"), { ...SETTINGS, level: 1 });
    expect(handles.size).toBe(0);
    codec.deflate(Buffer.alloc(2049, "a"), { ...SETTINGS, level: 1 });
    expect(handles.size).toBe(1);
    codec.deflate(Buffer.alloc(10, "a"), SETTINGS);
    expect(handles.size).toBe(2);
  });
});
