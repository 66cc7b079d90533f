/** ensure.mjs against a folder with a stand-in npm and a stand-in compiler that write down how they were called. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ensure, isAtLeast, isInstalled, MINIMUM_NODE } from "../ensure.mjs";

// Both stand-ins: append their arguments to `calls`, and fail when the file `fail-<name>` exists.
const RECORD = (name: string): string => `
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require("node:fs");
appendFileSync("calls", "${name} " + process.argv.slice(2).join(" ") + "\\n");
if (existsSync("fail-${name}")) process.exit(3);
`;
const COMPILER = "node_modules/typescript/bin";
const NPM = `${RECORD("npm")}
mkdirSync("${COMPILER}", { recursive: true });
writeFileSync("${COMPILER}/tsc", ${JSON.stringify(RECORD("tsc"))});
`;
const CI = "npm ci --include=dev --no-audit --no-fund";
const BUILD = "tsc -b tsconfig.build.json";

describe("ensure", () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "longwire-ensure-"));
    mkdirSync(join(root, "npm"));
    writeFileSync(join(root, "package-lock.json"), '{ "lockfileVersion": 3 }');
    writeFileSync(join(root, "npm", "npm-cli.js"), NPM);
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    vi.stubEnv("npm_execpath", join(root, "npm", "npm-cli.js"));
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    rmSync(root, { recursive: true });
  });

  /** What ran since the last question. */
  function calls(): string[] {
    const lines = readFileSync(join(root, "calls"), "utf8").trim().split("\n");
    rmSync(join(root, "calls"));
    return lines;
  }

  it("installs with the compiler, then builds, on a fresh clone", () => {
    expect(isInstalled(root)).toBe(false);
    ensure(root);
    expect(calls()).toEqual([CI, BUILD]);
    expect(isInstalled(root)).toBe(true);
  });

  it("only builds when the lockfile is the one of the last installation", () => {
    ensure(root);
    calls();
    ensure(root);
    expect(calls()).toEqual([BUILD]);
  });

  it("installs again when the lockfile has changed", () => {
    ensure(root);
    calls();
    appendFileSync(join(root, "package-lock.json"), "\n");
    ensure(root);
    expect(calls()).toEqual([CI, BUILD]);
  });

  it("leaves no stamp behind a failed installation, so the next run tries again", () => {
    writeFileSync(join(root, "fail-npm"), "");
    expect(() => ensure(root)).toThrow("npm ci failed (exit 3)");
    expect(calls()).toEqual([CI]);
    rmSync(join(root, "fail-npm"));
    ensure(root);
    expect(calls()).toEqual([CI, BUILD]);
  });

  it("reports a failed compilation", () => {
    writeFileSync(join(root, "fail-tsc"), "");
    expect(() => ensure(root)).toThrow("compilation (tsc -b) failed (exit 3)");
  });

  it("says what to do when node_modules has lost its compiler", () => {
    ensure(root);
    rmSync(join(root, "node_modules", "typescript"), { recursive: true });
    expect(() => ensure(root)).toThrow("delete the folder node_modules");
  });
});

describe("isAtLeast", () => {
  it.each([
    ["20.19.0", true],
    ["v20.19.1", true],
    ["22.0.0", true],
    ["26.0.0-nightly2026", true],
    ["20.18.9", false],
    ["18.20.8", false],
    ["9.0.0", false],
  ])("says of Node %s: %s", (version, expected) => {
    expect(isAtLeast(version, MINIMUM_NODE)).toBe(expected);
  });
});

it("asks for the Node that every package.json asks for", () => {
  const { engines } = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"),
  ) as {
    engines: { node: string };
  };
  expect(`${engines.node}.0`).toBe(`>=${MINIMUM_NODE}`);
});
