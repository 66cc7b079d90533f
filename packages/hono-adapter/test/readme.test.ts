/** Every program of the README runs. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "@longwire/hono/testing";
import { WsPeer } from "@longwire/testkit";
import type { Hono } from "hono";
import { describe, expect, it, onTestFinished } from "vitest";
import { programsOf, replaced, run } from "./document.ts";

const [quickStart, both, short, options, contract, client, testing] = programsOf("README.md");

/** What the README's later examples take as given. */
const GIVEN = `
import { isWebSocketUpgrade, websocket, type Messages } from "@longwire/hono";
import { Hono, type Context } from "hono";
import { hc } from "hono/client";
import { z } from "zod";
export const app = new Hono<{ Variables: { user: { name: string } } }>();
const requireUser = async (c, next) => {
  c.set("user", { name: "Ada" });
  await next();
};
const roomPage = (room) => \`<h1>\${room}</h1>\`;
`;

describe("the README", () => {
  it("starts quickly", async () => {
    const program = replaced(String(quickStart), "port: 3000", 'port: 0, hostname: "127.0.0.1"');
    const { server } = await run(`${program}\nexport { server };`);
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
    expect(await peer.next()).toBe("hello");
    await peer.close();
  });

  it("serves a page and a socket by one URL, and sockets alone", async () => {
    const { app } = await run(`${GIVEN}${both}${short}`);
    const hono = app as Hono; // exported above
    expect(await (await hono.request("/rooms/blue")).text()).toBe("<h1>blue</h1>");
    await using room = await connect(hono, "/rooms/blue");
    expect((await room.readMessage()).text()).toBe("Ada is in blue");
    expect((await hono.request("/echo")).status).toBe(426);
    await using echo = await connect(hono, "/echo");
    await echo.writeMessage(1, "hello");
    expect((await echo.readMessage()).text()).toBe("hello");
  });

  it("reads host and address behind a proxy", async () => {
    const route = 'app.get("/", websocket(options, (conn) => conn.send(conn.remoteAddress)));';
    const { app } = await run(`${GIVEN}${options}${route}`);
    await using conn = await connect(app as Hono, "/", {
      headers: {
        Origin: "https://chat.example.com",
        "X-Forwarded-Host": "chat.example.com",
        "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
      },
    });
    expect((await conn.readMessage()).text()).toBe("198.51.100.7");
  });

  it("types and checks messages", async () => {
    const { app } = await run(`${GIVEN}${contract}`);
    await using conn = await connect(app as Hono, "/chat");
    await conn.writeJSON({ say: "hello" });
    expect(await conn.readJSON()).toEqual({ said: "hello", at: expect.any(String) });
    await conn.writeJSON({ shout: "hello" });
    expect(await conn.closed).toMatchObject({ code: 1007 });
  });

  it("connects by Hono's client", async () => {
    const program = replaced(
      String(client),
      '"http://localhost:3000"',
      '"http://localhost:3000", { webSocket: String }', // shows where it would connect
    );
    const { socket } = await run(`${GIVEN}const routes = app;${program}export { socket };`);
    expect(socket).toBe("ws://localhost:3000/chat/blue");
  });

  it("tests an app", async () => {
    const program = replaced(
      String(testing),
      'it("echoes", async () => {',
      "export async function echoes() {",
    );
    const { echoes } = await run(`${GIVEN}${short}
import { expect } from "vitest";
${replaced(program, "\n});\n", "\n}\n")}`);
    await (echoes as () => Promise<void>)();
    expect.assertions(1);
  });
});
