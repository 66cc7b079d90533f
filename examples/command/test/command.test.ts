/** A program over a socket, as a process with a client that is not ours. */
import { ExampleProcess, WsPeer } from "@longwire/testkit";
import { describe, expect, it } from "vitest";

async function start(...program: string[]): Promise<{ example: ExampleProcess; url: string }> {
  const example = new ExampleProcess("command", ["--port", "0", ...program]);
  const line = await example.line();
  expect(line).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+$/);
  return { example, url: line.slice("listening on ".length) };
}

const socketUrl = (url: string): string => `${url.replace("http", "ws")}/ws`;

describe("the command example", () => {
  it("gives lines to the program and its lines back", async () => {
    const { example, url } = await start("cat");
    using _ = example;
    using peer = await WsPeer.open(socketUrl(url));
    for (const line of ["one", "", "zwölf"]) {
      peer.send(line);
      expect(await peer.next()).toBe(line);
    }
    expect((await peer.close()).code).toBe(1000);
    example.kill();
    expect((await example.exited()).code).toBe(0);
  });

  it("closes when the program ends, and says how", async () => {
    const { example, url } = await start("sh", "-c", "echo ready; exit 3");
    using _ = example;
    using peer = await WsPeer.open(socketUrl(url));
    expect(await peer.next()).toBe("ready");
    expect(await peer.awaitClosed()).toEqual({ code: 1000, reason: "sh exited with 3" });
  });

  it("ends the program when the connection ends", async () => {
    const { example, url } = await start("sh", "-c", "echo $$; cat");
    using _ = example;
    const peer = await WsPeer.open(socketUrl(url));
    const pid = Number(await peer.next());
    peer.socket.terminate();
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it("closes with 1009 at a line that nobody types", async () => {
    const { example, url } = await start("cat");
    using _ = example;
    using peer = await WsPeer.open(socketUrl(url));
    peer.send("x".repeat(8193));
    expect((await peer.awaitClosed()).code).toBe(1009);
  });

  it("serves its page, refuses other origins and says how it is used", async () => {
    const { example, url } = await start("cat");
    using _ = example;
    expect(await (await fetch(url)).text()).toContain("<title>Command over a socket</title>");
    const refusal = await WsPeer.refused(socketUrl(url), { origin: "http://elsewhere.example" });
    expect(refusal.status).toBe(403);
    using misused = new ExampleProcess("command", []);
    const { code, stderr } = await misused.exited();
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^usage: command/)]);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
