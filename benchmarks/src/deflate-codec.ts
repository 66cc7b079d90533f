/**
 * What one message costs to deflate and to inflate, by each way there is: CPU time of this process, without sockets.
 *
 *     npm run deflate-codec -w benchmarks -- [--rounds 30] [--bytes 1024]...
 *
 * Every round takes all ways once, one after the other. The messages are different ones, each behind those before it,
 * as with context takeover.
 */

import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { jsonMessages } from "./json-messages.ts";
import { describeMachine } from "./machine.ts";
import { spread } from "./statistics.ts";
import { markdownTable } from "./tables.ts";

/** The engine's codec, which is not for its users: `packages/engine/src/extensions/deflate-codec.ts`. */
interface Codec {
  deflate(bytes: Uint8Array, settings: DeflateSettings): Buffer;
  inflate(payload: Uint8Array, settings: InflateSettings): Buffer | undefined;
}

interface DeflateSettings {
  readonly level: number;
  readonly memLevel: number;
  readonly windowBits: number;
  readonly dictionary: Uint8Array | undefined;
}

interface InflateSettings {
  readonly windowBits: number;
  readonly dictionary: Uint8Array | undefined;
  readonly limit: number;
}

type DeflateShort = (
  message: Uint8Array,
  dictionary: Uint8Array | undefined,
  maxDistance: number,
) => Buffer;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "30" },
    bytes: { type: "string", multiple: true, default: ["128", "1024", "4096", "16384"] },
  },
});

const ROUNDS = Number(values.rounds);
const MESSAGES = 256;
const TAIL_BYTES = 4;
const LONGEST_SHORT_BYTES = 2048;
/** Bytes that one way takes a round, so that a round of it is some milliseconds. */
const ROUND_BYTES = 1_500_000;

/** Imports a built module of the engine. */
async function engineModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = fileURLToPath(new URL(`../../packages/engine/dist/${path}`, import.meta.url));
  return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>; // a module
}

interface Way {
  readonly name: string;
  /** Bytes of earlier messages that it gets. */
  readonly history: number;
  /** Longest message that it takes. @default Infinity */
  readonly longest?: number;
  run(message: Uint8Array, dictionary: Uint8Array | undefined): Buffer;
}

function zlibWay(
  name: string,
  codec: Codec,
  o: Partial<DeflateSettings> & { history: number },
): Way {
  const { history, level = 1, memLevel = 5, windowBits = 12 } = o;
  return {
    name: `${name}, level ${level}, ${history} B before`,
    history,
    run: (message, dictionary) =>
      codec.deflate(message, { level, memLevel, windowBits, dictionary }),
  };
}

function deflateWays(publicCodec: Codec, pooled: Codec, deflateShort: DeflateShort): Way[] {
  const short = (history: number): Way => ({
    name: `short encoder, ${history} B before`,
    history,
    longest: LONGEST_SHORT_BYTES,
    run: (message, dictionary) => deflateShort(message, dictionary, 4096),
  });
  return [
    zlibWay("public", publicCodec, { history: 4096 }),
    zlibWay("public", publicCodec, { history: 1024 }),
    zlibWay("public", publicCodec, { history: 4096, level: 6 }),
    zlibWay("pooled", pooled, { history: 4096 }),
    zlibWay("pooled", pooled, { history: 2048 }),
    zlibWay("pooled", pooled, { history: 1024 }),
    zlibWay("pooled", pooled, { history: 512 }),
    zlibWay("pooled", pooled, { history: 4096, level: 6 }),
    zlibWay("pooled", pooled, { history: 32_768, windowBits: 15 }),
    zlibWay("pooled, memLevel 8", pooled, { history: 4096, memLevel: 8 }),
    short(4096),
    short(2048),
    short(1024),
  ];
}

function inflateWays(publicCodec: Codec, pooled: Codec): Way[] {
  const way = (name: string, codec: Codec): Way => ({
    name: `${name}, 4096 B before`,
    history: 4096,
    run: (payload, dictionary) => {
      const limits = { windowBits: 12, dictionary, limit: 1_048_576 };
      return codec.inflate(payload, limits) ?? Buffer.alloc(0);
    },
  });
  return [way("public", publicCodec), way("pooled", pooled)];
}

/** Messages with what stands before each. */
function inputs(
  messages: readonly Buffer[],
  history: number,
): ReadonlyArray<readonly [Buffer, Buffer | undefined]> {
  const all = Buffer.concat(messages);
  let end = 0;
  return messages.map((message) => {
    const before = all.subarray(Math.max(0, end - history), end);
    end += message.length;
    return [message, before.length === 0 ? undefined : before] as const;
  });
}

interface Measured {
  readonly way: Way;
  readonly inputs: ReadonlyArray<readonly [Uint8Array, Uint8Array | undefined]>;
  readonly share: number;
  readonly microseconds: number[];
}

function measureRounds(all: readonly Measured[], messageBytes: number): void {
  const times = Math.max(1, Math.round(ROUND_BYTES / messageBytes / MESSAGES));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { way, inputs: given, microseconds } of all) {
      const before = process.cpuUsage();
      for (let time = 0; time < times; time++) {
        for (const [bytes, dictionary] of given) way.run(bytes, dictionary);
      }
      const { user, system } = process.cpuUsage(before);
      microseconds.push((user + system) / times / given.length);
    }
  }
}

function printTable(title: string, all: readonly Measured[]): void {
  const rows = all.map(({ way, microseconds, share }) => {
    const { median, least } = spread(microseconds);
    return [way.name, least.toFixed(1), median.toFixed(1), share.toFixed(3)];
  });
  const head = [title, "µs, least", "µs, median", "compressed, of 1"];
  process.stdout.write(`\n${markdownTable([head, ...rows])}\n`);
}

function compare(bytes: number, publicCodec: Codec, pooled: Codec, short: DeflateShort): void {
  const made = jsonMessages(Math.max(300, bytes), MESSAGES);
  const messages = made.map((text) => Buffer.from(text.slice(0, bytes)));
  const deflates = deflateWays(publicCodec, pooled, short)
    .filter(({ longest = Infinity }) => bytes <= longest)
    .map((way): Measured => {
      const given = inputs(messages, way.history);
      const lengths = given.map(
        ([message, before]) => way.run(message, before).length - TAIL_BYTES,
      );
      const share = lengths.reduce((sum, length) => sum + length, 0) / (bytes * MESSAGES);
      return { way, inputs: given, share, microseconds: [] };
    });
  measureRounds(deflates, bytes);
  printTable(`deflate ${bytes} B`, deflates);

  // As a browser sends them: zlib's level 6.
  const settings = { level: 6, memLevel: 8, windowBits: 12 };
  const payloads = inputs(messages, 4096).map(([message, dictionary]) => {
    const blocks = publicCodec.deflate(message, { ...settings, dictionary });
    return [Buffer.from(blocks.subarray(0, -TAIL_BYTES)), dictionary] as const;
  });
  const share = Buffer.concat(payloads.map(([payload]) => payload)).length / (bytes * MESSAGES);
  const inflates = inflateWays(publicCodec, pooled).map((way): Measured => ({
    way,
    inputs: payloads,
    share,
    microseconds: [],
  }));
  measureRounds(inflates, bytes);
  printTable(`inflate ${bytes} B`, inflates);
}

async function main(): Promise<void> {
  const { publicCodec } = await engineModule("extensions/deflate-codec.js");
  const { openPooledCodec } = await engineModule("extensions/pooled-zlib.js");
  const { deflateShort } = await engineModule("extensions/short-deflate.js");
  const pooled = (openPooledCodec as () => Codec | undefined)(); // as the engine's source has it
  if (pooled === undefined) throw new Error("zlib's handles can't be pooled on this Node");
  process.stdout.write(`${describeMachine()}, Node ${process.version}, ${ROUNDS} rounds\n`);
  for (const bytes of values.bytes.map(Number)) {
    compare(bytes, publicCodec as Codec, pooled, deflateShort as DeflateShort);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
