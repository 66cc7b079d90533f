/** Options of a connection: defaults, and what is refused at the door. */
import { memoryDuplexPair } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { resolveConnOptions, type ConnOptions } from "../../src/conn/limits.ts";
import { openConn } from "../../src/index.ts";

const COUNTS = [
  "readLimit",
  "readQueueBytes",
  "readQueueMessages",
  "writeWaterMark",
  "maxBufferedAmount",
  "writeBufferSize",
] as const;

describe("connection options", () => {
  it("have the defaults that the docs promise", () => {
    expect(resolveConnOptions({})).toMatchObject({
      readLimit: 1_048_576,
      readQueueBytes: 262_144,
      readQueueMessages: 1024,
      writeWaterMark: 65_536,
      maxBufferedAmount: 16_777_216,
      writeBufferSize: 4096,
      closeTimeout: 5000,
      heartbeatInterval: 30_000,
      heartbeatTimeout: 20_000,
    });
  });

  it("keep a default against an explicit undefined", () => {
    const explicit: ConnOptions = {
      readLimit: undefined,
      closeTimeout: undefined,
      heartbeat: undefined,
    };
    expect(resolveConnOptions(explicit)).toEqual(resolveConnOptions({}));
    expect(resolveConnOptions({ heartbeat: { interval: undefined } })).toEqual(
      resolveConnOptions({}),
    );
  });

  it.each(COUNTS)("%s takes a positive whole number or Infinity, and nothing else", (name) => {
    expect(resolveConnOptions({ [name]: 1 })[name]).toBe(1);
    expect(resolveConnOptions({ [name]: Infinity })[name]).toBe(Infinity);
    for (const value of [0, -1, 1.5, Number.NaN, -Infinity, 2 ** 53]) {
      expect(() => resolveConnOptions({ [name]: value })).toThrow(
        new RangeError(`${name} must be a positive whole number or Infinity, got ${value}`),
      );
    }
    for (const value of ["1", null, true, 1n, {}]) {
      expect(() => resolveConnOptions({ [name]: value })).toThrow(TypeError);
      expect(() => resolveConnOptions({ [name]: value })).toThrow(name);
    }
  });

  it.each([
    ["closeTimeout", (value: number) => ({ closeTimeout: value })],
    ["heartbeat.interval", (value: number) => ({ heartbeat: { interval: value } })],
    ["heartbeat.timeout", (value: number) => ({ heartbeat: { timeout: value } })],
  ] as const)("%s takes milliseconds that a timer can wait for, or Infinity", (name, options) => {
    for (const value of [1, 0.5, 2_147_483_647, Infinity]) {
      expect(() => resolveConnOptions(options(value))).not.toThrow();
    }
    for (const value of [0, -1, Number.NaN, 2_147_483_648]) {
      expect(() => resolveConnOptions(options(value))).toThrow(RangeError);
      expect(() => resolveConnOptions(options(value))).toThrow(`${name} must be`);
    }
    // JavaScript callers can give anything.
    expect(() => resolveConnOptions(options("5" as unknown as number))).toThrow(TypeError);
  });

  it("heartbeat: false switches it off", () => {
    expect(resolveConnOptions({ heartbeat: false }).heartbeatInterval).toBe(Infinity);
  });

  it("are checked when the connection is opened", () => {
    const [socket] = memoryDuplexPair();
    const init = {
      role: "server",
      options: { readLimit: 0 },
      subprotocol: "",
      extensions: "",
    } as const;
    expect(() => openConn(socket, Buffer.alloc(0), init)).toThrow(RangeError);
  });
});
