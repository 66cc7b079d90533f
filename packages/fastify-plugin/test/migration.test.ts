/** docs/migrating-from-fastify-websocket.md: before and after run, and do the same. */
import type { FastifyInstance } from "fastify";
import { WsPeer } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { closing, portOf } from "./app.ts";
import { programsOf, replaced, run } from "./document.ts";

const [before = "", after = "", , tested = ""] = programsOf(
  "../../docs/migrating-from-fastify-websocket.md",
);
const TOKEN = { Authorization: "Bearer let-me-in" };

async function appOf(program: string): Promise<FastifyInstance> {
  const listening = replaced(program, { "port: 3000": 'port: 0, host: "127.0.0.1"' });
  const { app } = await run<{ app: FastifyInstance }>(`${listening}export { app };`);
  return closing(app);
}

describe.each([
  ["before", before],
  ["after", after],
])("the page's program %s", (_when, program) => {
  it("talks in a room, refuses strangers, and has a URL for both", async () => {
    const app = await appOf(program);
    const url = `ws://127.0.0.1:${portOf(app)}`;
    using alice = await WsPeer.open(`${url}/chat/blue`, { headers: TOKEN });
    using bob = await WsPeer.open(`${url}/chat/blue`, { headers: TOKEN });
    expect([await alice.next(), await bob.next()]).toEqual(["welcome to blue", "welcome to blue"]);
    alice.send("hello");
    expect(await bob.next()).toBe("blue: hello");
    expect(await alice.next()).toBe("blue: hello");

    const refused = await WsPeer.refused(`${url}/chat/blue`);
    expect([refused.status, refused.body]).toEqual([401, '{"error":"unauthorized"}']);

    using both = await WsPeer.open(`${url}/both`, { headers: TOKEN });
    expect(await both.next()).toBe("a socket");
    const page = await app.inject({ url: "/both", headers: { authorization: "Bearer let-me-in" } });
    expect(page.body).toBe("a page");

    bob.send("x".repeat(70_000));
    expect((await bob.awaitClosed()).code).toBe(1009);
    alice.socket.close();
    both.socket.close();
    await alice.awaitClosed();
  });
});

describe("the page's test", () => {
  it("reads the message that came at once", async () => {
    const start = replaced(after, { "await app.listen({ port: 3000 });": "" });
    const program = `${start}${tested}await app.close();export { welcome };`;
    const { welcome } = await run<{ welcome: string }>(program);
    expect(welcome).toBe("welcome to blue");
  });
});
