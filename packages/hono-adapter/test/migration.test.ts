/** Every program of the migration page runs, and they all do the same. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WsPeer } from "@longwire/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { programsOf, replaced, run } from "./document.ts";

const programs = programsOf("../../docs/migrating-from-hono-node-ws.md");
const NAMES = ["@hono/node-ws", "@hono/node-server", "the same callbacks", "a handler"];

describe("the page about @hono/node-ws", () => {
  it("has two programs from before and two from after", () => {
    expect(programs).toHaveLength(NAMES.length);
  });

  it.each([...NAMES.entries()])("%i has a program that works: %s", async (place) => {
    const program = programs[place] ?? "";
    const anyPort = replaced(program, "port: 3000", 'port: 0, hostname: "127.0.0.1"');
    const { server } = await run(`${anyPort}\nexport { server };`);
    const listening = server as Server; // what `serve` returns without options for TLS or HTTP/2
    onTestFinished(() => {
      listening.close();
      listening.closeAllConnections();
    });
    if (!listening.listening) await once(listening, "listening");
    const { port } = listening.address() as AddressInfo; // a TCP address is never a string
    using peer = await WsPeer.open(`ws://127.0.0.1:${port}/chat/blue`);
    expect(await peer.next()).toBe("welcome to blue");
    peer.send("hello");
    expect(await peer.next()).toBe("blue: hello");
    expect((await peer.close(1000)).code).toBe(1000);
  });
});
