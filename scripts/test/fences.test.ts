/** The layer fences of .oxlintrc.json, tried with seeded imports: a fence with a wrong glob would hold nothing. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const ENGINE = "packages/engine/src";
const THIRD_PARTY = ["zod", "ws"];

interface Fence {
  /** The file whose imports are fenced; it need not exist in the repository. */
  readonly file: string;
  readonly allowed: readonly string[];
  readonly refused: readonly string[];
  /** Allowed by `import type`, refused otherwise. */
  readonly typesOnly?: readonly string[];
}

/** A seeded file of an engine folder: what it may import besides errors, close codes and its folder. */
function folder(name: string, allowed: readonly string[], refused: readonly string[]): Fence {
  return {
    file: `${ENGINE}/${name}/seeded.ts`,
    allowed: ["./sibling.ts", "../errors.ts", "../close-code.ts", ...allowed],
    refused: ["../index.ts", "@longwire/hub", ...THIRD_PARTY, ...refused],
  };
}

function adapter(name: string, allowed: readonly string[], refused: readonly string[]): Fence {
  return {
    file: `packages/${name}/src/seeded.ts`,
    allowed: ["./types.ts", "@longwire/engine", "node:http", ...allowed],
    refused: [
      "@longwire/engine/conn",
      "../../engine/src/index.ts",
      "@longwire/testkit",
      ...THIRD_PARTY,
      ...refused,
    ],
  };
}

const FENCES: readonly Fence[] = [
  { file: `${ENGINE}/close-code.ts`, allowed: [], refused: ["./errors.ts", "node:util"] },
  {
    file: `${ENGINE}/errors.ts`,
    allowed: ["./close-code.ts"],
    refused: ["./framing/frame.ts", "node:util"],
  },
  { file: `${ENGINE}/index.ts`, allowed: ["./conn/conn.ts"], refused: THIRD_PARTY },
  folder("framing", [], ["../messages/message.ts", "../conn/conn.ts", "node:net", "node:buffer"]),
  { file: `${ENGINE}/framing/utf8.ts`, allowed: ["node:buffer"], refused: ["node:net"] },
  folder("extensions", [], ["../framing/frame.ts", "../conn/conn.ts", "node:zlib"]),
  { file: `${ENGINE}/extensions/deflate-codec.ts`, allowed: ["node:zlib"], refused: ["node:fs"] },
  { file: `${ENGINE}/extensions/pooled-zlib.ts`, allowed: ["node:zlib"], refused: ["node:fs"] },
  folder("messages", ["../framing/frame.ts", "../extensions/x.ts"], ["../conn/c.ts", "node:util"]),
  folder(
    "endpoint",
    ["../messages/message.ts"],
    ["../conn/conn.ts", "node:events", "../server/u.ts"],
  ),
  folder(
    "opening-handshake",
    ["../extensions/x.ts"],
    ["../conn/conn.ts", "node:http", "node:crypto"],
  ),
  {
    file: `${ENGINE}/opening-handshake/accept-key.ts`,
    allowed: ["node:crypto"],
    refused: ["node:http"],
  },
  {
    file: `${ENGINE}/transport/seeded.ts`,
    allowed: ["./transport.ts", "node:net", "node:tls", "node:http2"],
    refused: ["../errors.ts", "../conn/conn.ts", "node:fs", ...THIRD_PARTY],
  },
  folder(
    "conn",
    ["../framing/frame.ts", "../endpoint/endpoint.ts", "../transport/transport.ts", "node:stream"],
    ["../server/upgrader.ts", "../client/dialer.ts", "../opening-handshake/origin.ts", "node:net"],
  ),
  { file: `${ENGINE}/conn/inflate-stream.ts`, allowed: ["node:zlib"], refused: ["node:net"] },
  { file: `${ENGINE}/conn/run-handler.ts`, allowed: ["node:async_hooks"], refused: ["node:net"] },
  folder(
    "server",
    ["../conn/conn.ts", "../opening-handshake/origin.ts", "node:http"],
    ["../client/d.ts"],
  ),
  folder(
    "client",
    ["../conn/conn.ts", "../opening-handshake/origin.ts", "node:https"],
    ["../server/u.ts"],
  ),
  adapter("fastify-plugin", ["fastify"], ["express", "@longwire/express"]),
  adapter("express-middleware", ["express"], ["fastify", "@longwire/fastify"]),
  adapter("koa-middleware", ["koa"], ["hono", "@longwire/hono"]),
  adapter("hono-adapter", ["hono", "hono/ws", "@hono/node-server"], ["koa", "@longwire/koa"]),
  adapter("hub", [], ["fastify", "@longwire/fastify"]),
  {
    file: "packages/client/src/seeded.ts",
    allowed: ["./connect.ts"],
    typesOnly: ["@longwire/engine"],
    refused: ["node:events", "ws", "../../engine/src/index.ts", "@longwire/hub"],
  },
  {
    file: "packages/testkit/src/seeded.ts",
    allowed: ["../hex.ts", "@longwire/engine", "ws", "vitest", "node:net"],
    refused: ["@longwire/fastify", "fastify", "@longwire/engine/conn"],
  },
  {
    file: "packages/engine/test/seeded.test.ts",
    allowed: ["../src/framing/frame.ts", "@longwire/testkit", "zod"],
    refused: ["../../hub/src/../../packages/x.ts", "@longwire/hub/room"],
  },
];

/** Every import of a seeded file that oxlint reports as restricted. */
const reported = new Map<string, string[]>();
let folderOfSeeds: string;

beforeAll(() => {
  folderOfSeeds = mkdtempSync(join(tmpdir(), "longwire-fences-"));
  copyFileSync(join(ROOT, ".oxlintrc.json"), join(folderOfSeeds, ".oxlintrc.json"));
  for (const { file, allowed, refused, typesOnly = [] } of FENCES) {
    const path = join(folderOfSeeds, file);
    mkdirSync(dirname(path), { recursive: true });
    const values = [...allowed, ...refused, ...typesOnly].map((name) => `from "${name}";`);
    const types = typesOnly.map((name) => `from "${name}";`);
    const lines = [
      ...values.map((from, i) => `export { a${i} } ${from}`),
      ...types.map((from, i) => `export type { T${i} } ${from}`),
    ];
    writeFileSync(path, lines.join("\n"));
  }
  const oxlint = join(ROOT, "node_modules/oxlint/bin/oxlint");
  const { stdout } = spawnSync(process.execPath, [oxlint, "--format=json"], {
    cwd: folderOfSeeds,
    encoding: "utf8",
  });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { code: string; filename: string; message: string }[];
  };
  for (const { code, filename, message } of diagnostics) {
    if (code !== "eslint(no-restricted-imports)") continue;
    const name = /'([^']+)'/.exec(message)?.[1] ?? message;
    reported.set(filename, [...(reported.get(filename) ?? []), name]);
  }
});

afterAll(() => {
  rmSync(folderOfSeeds, { recursive: true });
});

describe("layer fences", () => {
  it.each(FENCES)("hold around $file", ({ file, refused, typesOnly = [] }) => {
    expect(reported.get(file)?.toSorted() ?? []).toEqual([...refused, ...typesOnly].toSorted());
  });
});
