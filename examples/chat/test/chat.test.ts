/** The chat over real sockets: four servers, one room. */
import { readFileSync } from "node:fs";
import { WsPeer } from "@longwire/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChat, type Chat } from "../src/chat.ts";
import { FRAMEWORKS, LONGEST_TEXT, type Framework } from "../src/messages.ts";
import { SUBPROTOCOL } from "../src/token.ts";
import { signIn, Visitor } from "./visitor.ts";

let chat: Chat;
let printed = "";

beforeAll(async () => {
  chat = await startChat(0, { write: (text) => (printed += text) });
});

afterAll(async () => {
  await chat.close();
});

const port = (framework: Framework): number =>
  chat.servers.find((server) => server.framework === framework)?.port ?? 0;
const chatUrl = (framework: Framework, scheme: "ws" | "http"): string =>
  `${scheme}://127.0.0.1:${port(framework)}/chat`;
const sourceOf = (framework: Framework): string =>
  readFileSync(new URL(`../src/${framework.toLowerCase()}.ts`, import.meta.url), "utf8");

describe("a room over four frameworks", () => {
  it("carries every message to everybody, with the framework it came through", async () => {
    const visitors = new Map<Framework, Visitor>();
    for (const framework of FRAMEWORKS) {
      const visitor = await Visitor.enter(chat.page, `via ${framework}`, framework);
      const { members } = await visitor.next("welcome");
      visitors.set(framework, visitor);
      expect(members.map((member) => member.framework)).toEqual([...visitors.keys()]);
    }
    for (const [framework, sender] of visitors) {
      sender.send({ type: "say", text: `from ${framework}` });
      for (const reader of visitors.values()) {
        const { from, text } = await reader.next("said");
        expect({ text, ...from }).toMatchObject({
          text: `from ${framework}`,
          name: `via ${framework}`,
          framework,
        });
      }
    }
    for (const visitor of visitors.values()) await visitor.peer.close();
  });

  it("tells the others who comes and who leaves", async () => {
    const first = await Visitor.enter(chat.page, "Ada", "Express");
    const { you } = await first.next("welcome");
    const second = await Visitor.enter(chat.page, "Radia", "Hono");
    const { member } = await first.next("joined");
    expect(member).toMatchObject({ name: "Radia", framework: "Hono" });
    expect((await second.next("welcome")).members.map(({ id }) => id)).toContain(you);
    await second.peer.close();
    expect((await first.next("left")).member).toEqual(member);
    second.peer.socket.terminate();
    first.peer.socket.terminate();
  });

  it("tells that somebody has left whose connection broke", async () => {
    const first = await Visitor.enter(chat.page, "Ada", "Koa");
    await first.next("welcome");
    const second = await Visitor.enter(chat.page, "Radia", "Fastify");
    await first.next("joined");
    second.peer.socket.terminate();
    expect((await first.next("left")).member.name).toBe("Radia");
    await first.peer.close();
  });

  it("gives those who come later what was said before", async () => {
    const first = await Visitor.enter(chat.page, "Ada", "Fastify");
    first.send({ type: "say", text: "before you came" });
    const said = await first.next("said");
    const second = await Visitor.enter(chat.page, "Radia", "Koa");
    expect((await second.next("welcome")).earlier.at(-1)).toEqual(said);
    await first.peer.close();
    await second.peer.close();
  });

  it("stamps messages on the clock that it answers with", async () => {
    const visitor = await Visitor.enter(chat.page, "Ada", "Koa");
    const read = async (): Promise<number> => {
      visitor.send({ type: "clock", sent: 7 });
      const { sent, time } = await visitor.next("clock");
      expect(sent).toBe(7);
      return time;
    };
    const before = await read();
    visitor.send({ type: "say", text: "now" });
    const { at } = await visitor.next("said");
    const after = await read();
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(after);
    await visitor.peer.close();
  });
});

describe.each(FRAMEWORKS)("%s", (framework) => {
  const enter = (): Promise<Visitor> => Visitor.enter(chat.page, "Ada", framework);
  const page = (): string => new URL(chat.page).origin;

  it("shows the source that it runs, in 15 lines or fewer", async () => {
    const visitor = await enter();
    const { source } = await visitor.next("welcome");
    expect(source).toEqual({
      file: `src/${framework.toLowerCase()}.ts`,
      text: sourceOf(framework),
    });
    expect(source.text.trimEnd().split("\n").length).toBeLessThanOrEqual(15);
    await visitor.peer.close();
  });

  it("chooses the chat's subprotocol and never echoes the token", async () => {
    const visitor = await enter();
    expect(visitor.peer.socket.protocol).toBe(SUBPROTOCOL);
    await visitor.peer.close();
  });

  it("refuses a connection without the token: 401 with a body", async () => {
    const url = chatUrl(framework, "ws");
    const answer = await WsPeer.refused(url, { subprotocols: [SUBPROTOCOL], origin: page() });
    expect(answer.status).toBe(401);
    expect(answer.body).toContain("unauthorized");
  });

  it("gives fetch the same refusal, readable by the page", async () => {
    const answer = await fetch(chatUrl(framework, "http"), { headers: { origin: page() } });
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain("unauthorized");
    const readableBy = answer.headers.get("access-control-allow-origin");
    expect(readableBy).toBe(framework === "Fastify" ? null : page()); // the page is Fastify's own
  });

  it("refuses another site's page, token or not: 403", async () => {
    const { token } = await signIn(chat.page, "Ada");
    const answer = await WsPeer.refused(chatUrl(framework, "ws"), {
      subprotocols: [SUBPROTOCOL, `token.${token}`],
      origin: "http://evil.example",
    });
    expect(answer.status).toBe(403);
  });

  it("asks a plain GET with the token to upgrade: 426", async () => {
    const { token } = await signIn(chat.page, "Ada");
    const answer = await fetch(chatUrl(framework, "http"), {
      headers: { "sec-websocket-protocol": `${SUBPROTOCOL}, token.${token}` },
    });
    expect(answer.status).toBe(426);
  });

  it("answers an upgrade elsewhere with 404", async () => {
    const url = chatUrl(framework, "ws").replace("/chat", "/nowhere");
    expect((await WsPeer.refused(url)).status).toBe(404);
  });

  it.each([
    ["no JSON", "hello"],
    ["another type", '{"type":"shout"}'],
    ["too long a text", JSON.stringify({ type: "say", text: "x".repeat(LONGEST_TEXT + 1) })],
  ])("closes with 1007 on %s", async (_, text) => {
    const visitor = await enter();
    visitor.peer.send(text);
    expect((await visitor.peer.awaitClosed()).code).toBe(1007);
  });

  it("closes with 1009 on a message beyond the limit", async () => {
    const visitor = await enter();
    visitor.peer.send("x".repeat(5_000));
    expect((await visitor.peer.awaitClosed()).code).toBe(1009);
  });

  it("has its own access line for the upgrade", async () => {
    printed = "";
    const visitor = await enter();
    await visitor.next("welcome");
    await visitor.peer.close();
    const lines = printed.split("\n").filter((line) => line.startsWith(framework));
    expect(lines.join("\n")).toMatch(framework === "Hono" ? /GET \/chat.* 200/ : /\b101\b/); // Fetch has no 101
    expect(printed).not.toContain("token.");
  });
});

describe("the page's server", () => {
  it("serves the page with a policy that lets it talk to the four servers only", async () => {
    const answer = await fetch(chat.page);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("<title>Longwire chat</title>");
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    for (const server of chat.servers) expect(policy).toContain(`ws://127.0.0.1:${server.port}`);
  });

  it("logs the page and the sign-in, not each part of the page", async () => {
    printed = "";
    await fetch(chat.page);
    await fetch(new URL("/app.js", chat.page));
    await signIn(chat.page, "Ada");
    expect(printed).toMatch(/^Fastify +req-\w+ incoming request GET \/\n/m);
    expect(printed).toContain("POST /session");
    expect(printed).not.toContain("app.js");
  });

  it.each(["/app.js", "/style.css", "/icon.svg"])("serves %s", async (path) => {
    const answer = await fetch(new URL(path, chat.page));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it.each(["/tsconfig.json", "/../package.json", "/src/token.ts", "/app.js/"])(
    "does not serve %s",
    async (path) => {
      expect((await fetch(chat.page + path.slice(1))).status).toBe(404);
    },
  );

  it("sends other names for this machine to the one origin that is let in", async () => {
    const url = chat.page.replace("127.0.0.1", "localhost");
    const answer = await fetch(url, { redirect: "manual" });
    expect(answer.status).toBe(307);
    expect(answer.headers.get("location")).toBe(chat.page);
  });

  it.each([{}, { name: "" }, { name: "   " }, { name: "x".repeat(25) }, { name: "a\u0000b" }])(
    "signs nobody in as %j",
    async (body) => {
      const answer = await fetch(new URL("/session", chat.page), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(400);
    },
  );
});
