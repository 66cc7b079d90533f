/**
 * A codec by itself: calls it for some time and prints the nanoseconds of CPU time that one message takes. Longwire's
 * modules are internal ones, so this follows them when they move; everything else goes by the public API.
 */

import { createRequire } from "node:module";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import type { CodecTask } from "./codec-task.ts";

/** One turn of a measurement. @returns Messages that it took. */
type Turn = () => number;

const BATCH_BYTES = 65_536; // as much as one read of a socket gives
const require = createRequire(import.meta.url);

/** What ws exports and its types leave out. */
interface WsCodec {
  Receiver: new (options: { isServer: boolean }) => Writable;
  Sender: { frame(payload: Buffer, options: object): Buffer[] };
}

const { Receiver, Sender } = require("ws") as WsCodec;

async function engineModule<T>(checkout: string, path: string): Promise<T> {
  const file = join(checkout, "packages/engine/dist", path);
  return (await import(pathToFileURL(file).href)) as T;
}

/** Masked binary frames, as many as one read gives, one at least. Unmasked in place, they mask themselves again. */
function maskedFrames(bytes: number): { chunk: Buffer; count: number } {
  const header =
    bytes < 126
      ? Buffer.from([0x82, 0x80 | bytes])
      : bytes < 65_536
        ? Buffer.from([0x82, 0xfe, bytes >> 8, bytes & 0xff])
        : Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0]), uint32(bytes)]);
  const frame = Buffer.concat([
    header,
    Buffer.from([0x37, 0xfa, 0x21, 0x3d]),
    Buffer.alloc(bytes, "a"),
  ]);
  const count = Math.max(1, Math.floor(BATCH_BYTES / frame.length));
  return { chunk: Buffer.concat(Array.from({ length: count }, () => frame)), count };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

interface EndpointModule {
  Endpoint: new (init: object) => { receive(chunk: Buffer, from: number): number };
}

async function parse({ library, bytes, longwire }: CodecTask): Promise<Turn> {
  const { chunk, count } = maskedFrames(bytes);
  let messages = 0;
  const onMessage = (): void => void messages++;
  if (library === "ws") {
    const receiver = new Receiver({ isServer: true });
    receiver.on("message", onMessage);
    return () => {
      receiver.write(chunk);
      if (messages !== count) throw new Error(`ws gave ${messages} of ${count} messages`);
      messages = 0;
      return count;
    };
  }
  const { Endpoint } = await engineModule<EndpointModule>(longwire, "endpoint/endpoint.js");
  const events = { onMessage };
  const endpoint = new Endpoint({ role: "server", readLimit: bytes, events });
  return () => {
    endpoint.receive(chunk, 0);
    if (messages !== count) throw new Error(`Longwire gave ${messages} of ${count} messages`);
    messages = 0;
    return count;
  };
}

interface BatchModule {
  FrameBatch: new (keys: undefined) => {
    append(first: number, payload: Uint8Array): void;
    take(): Uint8Array[];
    settle(written: boolean): void;
  };
}

/** ws writes header and payload of each message by themselves; Longwire's are what goes to one write. */
async function serialize({ library, bytes, longwire }: CodecTask): Promise<Turn> {
  const payload = Buffer.alloc(bytes, "a");
  const count = Math.max(1, Math.floor(BATCH_BYTES / (bytes + 4)));
  if (library === "ws") {
    const options = { fin: true, rsv1: false, opcode: 2, mask: false, readOnly: false };
    return () => {
      let pieces = 0;
      for (let i = 0; i < count; i++) pieces += Sender.frame(payload, options).length;
      if (pieces < count) throw new Error("ws gave too few frames");
      return count;
    };
  }
  const { FrameBatch } = await engineModule<BatchModule>(longwire, "framing/frame-batch.js");
  const batch = new FrameBatch(undefined);
  return () => {
    for (let i = 0; i < count; i++) batch.append(0x82, payload);
    if (batch.take().length === 0) throw new Error("Longwire gave no frames");
    batch.settle(true);
    return count;
  };
}

interface MaskingModule {
  applyMask: (bytes: Uint8Array, start: number, end: number, key: number, offset: number) => void;
}

async function mask({ library, bytes, longwire }: CodecTask): Promise<Turn> {
  const target = Buffer.alloc(bytes, "a");
  if (library === "ws") {
    const { unmask } = require("bufferutil") as { unmask: (bytes: Buffer, key: Buffer) => void };
    const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
    return repeat(() => unmask(target, key));
  }
  const { applyMask } = await engineModule<MaskingModule>(longwire, "framing/masking.js");
  return repeat(() => applyMask(target, 0, bytes, 0x37_fa_21_3d, 0));
}

interface Utf8Module {
  isValidUtf8: (bytes: Uint8Array) => boolean;
}

/** `words` as often as whole ones have room in so many bytes of UTF-8, and the rest ASCII. */
function textOf(words: string, bytes: number): string {
  const times = Math.floor(bytes / Buffer.byteLength(words));
  return words.repeat(times) + "a".repeat(bytes - times * Buffer.byteLength(words));
}

async function utf8({ library, bytes, longwire }: CodecTask): Promise<Turn> {
  const words = "Grüße, 世界! "; // characters of 1, 2 and 3 bytes
  const target = Buffer.from(textOf(words, bytes));
  const { isValidUtf8 } =
    library === "ws"
      ? { isValidUtf8: require("utf-8-validate") as (bytes: Buffer) => boolean }
      : await engineModule<Utf8Module>(longwire, "framing/utf8.js");
  return repeat(() => {
    if (!isValidUtf8(target)) throw new Error(`${library} takes valid text for invalid`);
  });
}

const CALLS = 256;

function repeat(call: () => void): Turn {
  return () => {
    for (let i = 0; i < CALLS; i++) call();
    return CALLS;
  };
}

const OPERATIONS = { parse, serialize, mask, utf8 } as const;

/** Nanoseconds of CPU time for each, after as long a warm-up. */
function measure(turn: Turn, seconds: number): number {
  const run = (): number => {
    const before = process.cpuUsage();
    const end = performance.now() + seconds * 1000;
    let messages = 0;
    while (performance.now() < end) messages += turn();
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / messages;
  };
  run();
  return run();
}

async function main(): Promise<void> {
  const task = JSON.parse(process.argv[2] ?? "{}") as CodecTask; // our own benchmark's argument
  const turn = await OPERATIONS[task.operation](task);
  process.stdout.write(`${JSON.stringify({ nanoseconds: measure(turn, task.seconds) })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
