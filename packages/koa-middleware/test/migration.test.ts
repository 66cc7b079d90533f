/** docs/migrating-from-koa-websocket.md: before and after run, and do the same. */
import type { Server } from "node:http";
import { Inbox, programsOf, replaced, runProgram, TestServer } from "@longwire/testkit";
import { describe, expect, it } from "vitest";

const PAGE = new URL("../../../docs/migrating-from-koa-websocket.md", import.meta.url);
const [before, after, callbacksBefore, callbacksAfter] = programsOf(PAGE, "js").map(String);

const HEADERS = { headers: { Authorization: "Bearer let-me-in" } };

async function serving(program: string | undefined): Promise<TestServer> {
  const text = replaced(String(program), "listen(3000)", 'listen(0, "127.0.0.1")');
  const { server } = await runProgram(`${text}\nexport { server };`, import.meta.url);
  return TestServer.of(server as Server); // the programs' own
}

describe.each([
  ["before", before],
  ["after", after],
])("the program %s", (_when, program) => {
  it("welcomes to a room and tells everybody", async () => {
    const server = await serving(program);
    const ada = await server.ws("/chat/blue", HEADERS);
    expect(await ada.next()).toBe("welcome to blue");
    const grace = await server.ws("/chat/green", HEADERS);
    expect(await grace.next()).toBe("welcome to green");
    grace.send("hello");
    expect(await ada.next()).toBe("green: hello");
    expect(await grace.next()).toBe("green: hello");
    await ada.close();
    await grace.close();
  });

  it("serves its page", async () => {
    expect((await (await serving(program)).get("/page")).body).toBe("a page");
  });
});

describe("what changes", () => {
  it("before: a refusal is a close, and a path without a route stays open", async () => {
    const server = await serving(before);
    const refused = await server.ws("/chat/blue");
    expect(await refused.awaitClosed()).toEqual({ code: 4401, reason: "unauthorized" });
    const lost = await server.ws("/nowhere");
    await lost.roundTrip();
    expect(lost.socket.readyState).toBe(lost.socket.OPEN);
  });

  it("after: the 401 and the 404", async () => {
    const server = await serving(after);
    expect(await server.refused("/chat/blue")).toMatchObject({ status: 401, body: "unauthorized" });
    expect((await server.refused("/nowhere")).status).toBe(404);
  });
});

describe("callbacks", () => {
  const GIVEN = `
    import Koa from "koa";
    import websockify from "koa-websocket";
    import { attach, websocket } from "@longwire/koa";
    export const stored = [];
    export let told;
    const store = (message) => void stored.push(String(message));
    const done = () => told(stored);
    export const whenDone = (callback) => { told = callback; };
  `;
  it.each([
    [
      "before",
      `${GIVEN}const app = websockify(new Koa());${callbacksBefore}const server = app.listen(3000);`,
    ],
    [
      "after",
      `${GIVEN}const app = new Koa();${callbacksAfter}const server = app.listen(3000);attach(server, app);`,
    ],
  ])("%s, tell of messages and of the end", async (_when, program) => {
    const text = replaced(program, "listen(3000)", 'listen(0, "127.0.0.1")');
    const { server, whenDone } = await runProgram(`${text}\nexport { server };`, import.meta.url);
    const ends = new Inbox<unknown>("the end of a connection");
    (whenDone as (callback: (stored: unknown) => void) => void)((all) => ends.push(all)); // GIVEN
    const peer = await (await TestServer.of(server as Server)).ws("/log");
    peer.send("one");
    peer.send("two");
    await peer.close();
    expect(await ends.next()).toEqual(["one", "two"]);
  });
});
