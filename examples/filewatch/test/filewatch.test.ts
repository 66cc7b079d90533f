/** A file's tail over a socket, as a process with a client that is not ours. */
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExampleProcess, WsPeer } from "@longwire/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "filewatch-"));
  file = join(folder, "some.log");
  await writeFile(file, "first\n");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function start(): Promise<{ example: ExampleProcess; url: string }> {
  const example = new ExampleProcess("filewatch", ["--port", "0", file]);
  return { example, url: (await example.line()).slice("listening on ".length) };
}

const socketUrl = (url: string): string => `${url.replace("http", "ws")}/ws`;

describe("the filewatch example", () => {
  it("sends what is there, and what is added, to everybody", async () => {
    const { example, url } = await start();
    using _ = example;
    using early = await WsPeer.open(socketUrl(url));
    expect(await early.next()).toBe("first\n");
    using late = await WsPeer.open(socketUrl(url));
    expect(await late.next()).toBe("first\n");
    await appendFile(file, "second\n");
    expect([await early.next(), await late.next()]).toEqual(["first\nsecond\n", "first\nsecond\n"]);
    example.kill();
    expect((await early.awaitClosed()).code).toBe(1001);
    expect((await example.exited()).code).toBe(0);
  });

  it("sends the end of a long file, from the beginning of a line", async () => {
    await writeFile(file, Array.from({ length: 5000 }, (_, line) => `line ${line}\n`).join(""));
    const { example, url } = await start();
    using _ = example;
    using peer = await WsPeer.open(socketUrl(url));
    const text = String(await peer.next());
    expect(text.length).toBeLessThanOrEqual(16_384);
    expect(text).toMatch(/^line \d+\n/);
    expect(text.endsWith("line 4999\n")).toBe(true);
  });

  it("serves its page and says how it is used", async () => {
    const { example, url } = await start();
    using _ = example;
    expect(await (await fetch(url)).text()).toContain("<title>File watch</title>");
    using misused = new ExampleProcess("filewatch", []);
    const { code, stderr } = await misused.exited();
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^usage: filewatch/)]);
  });
});
