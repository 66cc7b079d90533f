/** `npm start` from the outside: what it prints, which ports it takes, how it ends. */
import { beforeAll, describe, expect, it } from "vitest";
import { FRAMEWORKS } from "../src/messages.ts";
import { build, ChatProcess, fourFreePorts, holdPort, releasePort } from "./chat-process.ts";
import { Visitor } from "./visitor.ts";

beforeAll(build, 120_000);

describe("the chat process", () => {
  it("prints the page's address and one socket address for each framework", async () => {
    const first = await fourFreePorts();
    using chat = await ChatProcess.open(first);
    expect(chat.stdout).toContain(`http://127.0.0.1:${first}/`);
    for (const [index, framework] of FRAMEWORKS.entries()) {
      const url = `ws://127\\.0\\.0\\.1:${first + index}/chat`;
      expect(chat.stdout).toMatch(new RegExp(`${framework} +${url}`));
    }
    await chat.stop();
  });

  it("takes its first port from PORT as well", async () => {
    const first = await fourFreePorts();
    using chat = new ChatProcess([], { PORT: String(first) });
    expect(await chat.line(/open/)).toContain(`:${first}/`);
    await chat.stop();
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "closes every connection with 1001 on %s and ends with 0",
    async (signal) => {
      const first = await fourFreePorts();
      using chat = await ChatProcess.open(first);
      const page = `http://127.0.0.1:${first}/`;
      const visitors: Visitor[] = [];
      for (const framework of FRAMEWORKS) {
        const visitor = await Visitor.enter(page, framework, framework);
        await visitor.next("welcome");
        visitors.push(visitor);
      }
      const ended = chat.stop(signal);
      for (const visitor of visitors) expect((await visitor.peer.awaitClosed()).code).toBe(1001);
      expect(await ended).toBe(0);
      expect(chat.stderr).toBe("");
    },
  );

  it("opens again on the same ports right after", async () => {
    const first = await fourFreePorts();
    const page = `http://127.0.0.1:${first}/`;
    for (let round = 0; round < 2; round++) {
      using chat = await ChatProcess.open(first);
      const visitor = await Visitor.enter(page, "Ada", "Koa");
      await visitor.next("welcome");
      expect(await chat.stop()).toBe(0);
    }
  });

  it.each(FRAMEWORKS.map((framework, index) => [framework, index] as const))(
    "says which port is taken, and whose it would have been: %s",
    async (framework, index) => {
      const first = await fourFreePorts();
      const holder = await holdPort(first + index);
      using chat = new ChatProcess(["--port", String(first)]);
      expect(await chat.ended()).toEqual({ code: 1, signal: null });
      expect(chat.stderr).toMatch(
        new RegExp(
          `^Port ${first + index} is taken, so the ${framework} server cannot start\\.`,
          "m",
        ),
      );
      const other = Number(/npm start -- --port (\d+)/.exec(chat.stderr)?.[1]);
      expect(Math.abs(other - first)).toBeGreaterThanOrEqual(4); // four ports that are others
      expect(chat.stderr).not.toContain("    at "); // no stack for something that is no fault of the program
      await releasePort(holder);
    },
  );

  it.each(["70000", "-1", "3.5", "first"])("refuses --port %s and says why", async (port) => {
    using chat = new ChatProcess([`--port=${port}`]);
    expect((await chat.ended()).code).toBe(1);
    expect(chat.stderr).toContain(`--port must be a whole number from 0 to 65532, got ${port}`);
  });

  it("explains itself with --help", async () => {
    using chat = new ChatProcess(["--help"]);
    expect((await chat.ended()).code).toBe(0);
    expect(chat.stdout).toContain("--port NUMBER");
  });
});
