/** Every program of the README runs. */
import type { Server } from "node:http";
import { programsOf, replaced, runProgram, TestServer } from "@longwire/testkit";
import { describe, expect, it } from "vitest";

const [server, client] = programsOf(new URL("../README.md", import.meta.url)).map(String);

async function startServer(): Promise<TestServer> {
  const program = replaced(String(server), "listen(3000)", 'listen(0, "127.0.0.1")');
  const { server: started } = await runProgram(program, import.meta.url);
  return TestServer.of(started as Server); // exported by the program
}

describe("the README", () => {
  it("serves an echo and a 404", async () => {
    const served = await startServer();
    const peer = await served.ws("/echo");
    peer.send("hello");
    expect(await peer.next()).toBe("hello");
    expect((await peer.close()).code).toBe(1000);
    const refusal = await served.refused("/elsewhere");
    expect([refusal.status, refusal.body]).toEqual([404, "not found\n"]);
  });

  it("asks as a client", async () => {
    const served = await startServer();
    const { ask } = await runProgram(String(client), import.meta.url);
    const answer: unknown = await (ask as (url: string) => Promise<unknown>)(served.url("/echo")); // exported by the program
    expect(answer).toBe("hello");
  });
});
